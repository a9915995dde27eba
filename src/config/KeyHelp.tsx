import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { configStrings } from '../strings/config';
import { Section } from './Section';

/** The two permissions that a key needs, as the console and as the API name them. */
const PERMISSIONS = [
  { category: 'Audit Logs', name: 'View and Export Audits', notation: 'org.audits', use: 'to search and to export' },
  { category: 'Background Tasks', name: 'Status', notation: 'jobs.status', use: 'to follow exports' },
];

export function KeyHelp({ open }: { open: boolean }) {
  const styles = useStyles2(getStyles);
  return (
    <Section texts={configStrings.keyHelp} open={open}>
      <ol className={styles.steps}>
        <li>
          In the Carbon Black Cloud console, open <strong>Settings &gt; API Access &gt; Access Levels</strong> and add an access level with these permissions:
          <ul>
            {PERMISSIONS.map(({ category, name, notation, use }) => (
              <li key={notation}>
                <strong>
                  {category} &gt; {name}
                </strong>{' '}
                (<code>{notation}</code>): <strong>READ</strong>, {use}
              </li>
            ))}
          </ul>
        </li>
        <li>
          Under <strong>API Keys</strong> add a key of the access level type <strong>Custom</strong> and choose that access level.
        </li>
        <li>Copy the API ID and the API secret key into the fields above. The org key is at the top of the same page.</li>
      </ol>
      <p>To read the queue, give this data source an API key of its own: each key has one queue, and reading empties it.</p>
    </Section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  steps: css({ paddingLeft: theme.spacing(3), 'li': { marginBottom: theme.spacing(0.5) }, 'ul': { paddingLeft: theme.spacing(3) } }),
});

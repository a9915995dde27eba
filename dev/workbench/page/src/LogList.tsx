import { css } from '@emotion/css';
import { type DataFrame, dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

interface Line {
  key: string;
  time: number;
  body: string;
  severity: string;
  labels: Record<string, unknown>;
}

/** A plain list of log lines, each with its labels to open. Grafana's packages contain no such list. */
export function LogList({ frames, height }: { frames: DataFrame[]; height: number }) {
  const styles = useStyles2(getStyles);
  return (
    <ol className={styles.list} style={{ height }} aria-label="Logs" data-testid="workbench logs" tabIndex={0}>
      {frames.flatMap(linesOf).map((line) => (
        <li key={line.key} className={styles.line}>
          <details>
            <summary>
              <time>{dateTimeFormat(line.time, { timeZone: 'utc', format: 'YYYY-MM-DD HH:mm:ss.SSS' })}</time>{' '}
              {line.severity && <b>{line.severity}</b>} <span className={styles.body}>{line.body}</span>
            </summary>
            <dl className={styles.labels}>
              {Object.entries(line.labels).map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{String(value)}</dd>
                </div>
              ))}
            </dl>
          </details>
        </li>
      ))}
    </ol>
  );
}

function linesOf(frame: DataFrame, frameIndex: number): Line[] {
  const values = (name: string): unknown[] => frame.fields.find((field) => field.name === name)?.values ?? [];
  const [times, bodies, severities] = [values('timestamp'), values('body'), values('severity')];
  const [ids, labels] = [values('id'), values('labels')];
  return times.map((time, index) => ({
    key: `${frameIndex}/${ids[index] ?? index}`,
    time: Number(time),
    body: String(bodies[index]),
    severity: String(severities[index] ?? ''),
    labels: { ...(labels[index] as object) },
  }));
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({ overflow: 'auto', margin: 0, listStyle: 'none', ...theme.typography.bodySmall, fontFamily: theme.typography.fontFamilyMonospace }),
  line: css({
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    padding: theme.spacing(0.25, 1),
    '& time': { color: theme.colors.text.secondary },
    '& summary': { cursor: 'pointer' },
  }),
  body: css({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  labels: css({
    margin: theme.spacing(0.5, 0, 1, 3),
    '& > div': { display: 'flex', gap: theme.spacing(1) },
    '& dt': { minWidth: 110, color: theme.colors.text.secondary, fontWeight: 'normal' },
    '& dd': { margin: 0, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' },
  }),
});

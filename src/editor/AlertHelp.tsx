import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, LinkButton, useStyles2 } from '@grafana/ui';
import { ALERT_GROUPS } from '../query/alertForm';
import { withDefaults } from '../query/defaults';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';

const texts = queryStrings.alertHelp;

interface Props {
  forAlert: boolean;
  query: AuditLogQuery;
  settleSeconds: number;
  /** The address of a form for a new rule, for those who may make one. */
  formUrl?: string;
  onUse: (change: Partial<AuditLogQuery>) => void;
}

/** Explains what makes a rule reliable, and turns the query into the one that fits most rules. */
export function AlertHelp({ forAlert, query, settleSeconds, formUrl, onUse }: Props) {
  const styles = useStyles2(getStyles);
  const { queryType, groupBy } = withDefaults(query);
  const used = queryType === 'count' && ALERT_GROUPS.join() === [...groupBy].sort().join();
  const advice = [...texts.queryTypes, ...(forAlert ? texts.inRule(settleSeconds) : formUrl ? texts.toForm : texts.toRule)];
  return (
    <div className={styles.help} data-testid={texts.container}>
      <dl className={styles.advice}>
        {advice.map(([subject, text]) => (
          <div key={subject}>
            <dt>{subject}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {formUrl && (
        <LinkButton size="sm" icon="bell" href={formUrl} target="_blank" rel="noreferrer">
          {texts.make}
        </LinkButton>
      )}
      {used ? (
        <p role="status" className={styles.text}>
          {texts.used}
        </p>
      ) : (
        <Button size="sm" variant="secondary" onClick={() => onUse({ queryType: 'count', groupBy: ALERT_GROUPS })}>
          {texts.use}
        </Button>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: theme.spacing(1) }),
  advice: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(0.5),
    margin: 0,
    maxWidth: theme.spacing(120),
    '& > div': { display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0, 1) },
    '& dt': { flex: `0 0 ${theme.spacing(20)}`, fontWeight: theme.typography.fontWeightMedium },
    '& dd': { flex: '1 1 280px', margin: 0 },
  }),
  text: css({ margin: 0 }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { withDefaults } from '../query/defaults';
import { selectors } from '../selectors';
import type { AuditLogQuery, FilterField } from '../types';

const texts = selectors.queryEditor.alertHelp;

const GROUPS: FilterField[] = ['actor', 'actor_ip'];

interface Props {
  forAlert: boolean;
  query: AuditLogQuery;
  settleSeconds: number;
  onUse: (change: Partial<AuditLogQuery>) => void;
}

/** What makes a rule fire when it should and only then, and the shape that serves most rules at one click. */
export function AlertHelp({ forAlert, query, settleSeconds, onUse }: Props) {
  const styles = useStyles2(getStyles);
  const { queryType, groupBy } = withDefaults(query);
  const used = queryType === 'count' && GROUPS.join() === [...groupBy].sort().join();
  return (
    <div className={styles.help} data-testid={texts.container}>
      <dl className={styles.advice}>
        {adviceFor(settleSeconds, forAlert).map(([subject, words]) => (
          <div key={subject}>
            <dt>{subject}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      {used ? (
        <p role="status" className={styles.text}>
          {texts.used}
        </p>
      ) : (
        <Button size="sm" icon="bell" onClick={() => onUse({ queryType: 'count', groupBy: GROUPS })}>
          {texts.use}
        </Button>
      )}
    </div>
  );
}

function adviceFor(settleSeconds: number, forAlert: boolean): [subject: string, words: string][] {
  const shapes: [string, string][] = [
    ['More than so many', 'Show: Count. A threshold goes directly on it, and it is 0 when nothing happened.'],
    ['A rate or a trend', 'Show: Over time, then an expression that reduces it (Last, Max or Sum), then a threshold.'],
    ['Something new', 'Show: First seen, and fire when its value is above 0.'],
    ['A list of events', 'Has no number to compare. In a rule, events are counted by actor, actor IP, action and outcome instead.'],
    ['Group by', 'What the notification should name: each combination alerts on its own, with its values as labels.'],
  ];
  const inRule: [string, string][] = [
    ['Time range', 'At least as long as the evaluation interval, so that no event falls between two evaluations.'],
    [
      'Late events',
      `An event may be found up to ${settleSeconds} s after its time (the settle time of this data source). A rule looks back ` +
        'by that much more and a little, so that a late event is not missed. It may then count in two evaluations.',
    ],
    ['No data', 'Set the rule to Normal: what did not happen is 0 here, so no data is never a sign of quiet.'],
    ['Error', 'Set the rule to Error: a question that could not be answered must not look like an attack, nor like peace.'],
  ];
  const toRule: [string, string][] = [
    ['Then', 'Save the panel and choose More > New alert rule in its menu, or take the query into a new rule under Alerting.'],
  ];
  return [...shapes, ...(forAlert ? inRule : toRule)];
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

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, type IconName, Text, useStyles2 } from '@grafana/ui';
import { configStrings } from '../strings/config';
import { type HealthStep, useHealthSteps } from './healthSteps';

const texts = configStrings.health;

const ICONS: Record<HealthStep['status'], IconName> = { ok: 'check', warning: 'exclamation-triangle', failed: 'times', skipped: 'minus' };

/** Shows the steps of the last Save & test, each with its remedy. */
export function HealthSteps({ uid }: { uid: string }) {
  const styles = useStyles2(getStyles);
  const steps = useHealthSteps(uid);
  if (!steps) {
    return null;
  }
  return (
    <section aria-label={texts.label} data-testid={texts.testId} className={styles.section}>
      <Text element="h4">{texts.label}</Text>
      <ol className={styles.steps}>
        {steps.map(({ name, title, status, message, remedy }) => (
          <li key={name} className={styles.step}>
            <Icon name={ICONS[status] ?? 'minus'} className={styles[status]} title={texts.states[status]} />
            <span>
              <strong>{title}</strong>: {message} {remedy && <em>{remedy}</em>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  section: css({ marginTop: theme.spacing(2), maxWidth: theme.spacing(90) }),
  steps: css({ listStyle: 'none', margin: theme.spacing(1, 0) }),
  step: css({ display: 'flex', gap: theme.spacing(1), alignItems: 'baseline', padding: theme.spacing(0.25, 0) }),
  ok: css({ color: theme.colors.success.text }),
  warning: css({ color: theme.colors.warning.text }),
  failed: css({ color: theme.colors.error.text }),
  skipped: css({ color: theme.colors.text.secondary }),
});

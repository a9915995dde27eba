import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import { displayText } from '../query/displayText';
import { queryStrings } from '../strings/query';
import type { EditorProps } from './props';
import { useEstimate } from './useEstimate';

const texts = queryStrings.sentence;
/** A query that takes more than this share of the requests is worth a second look. */
const MAX_SHARE = 0.1;

interface Props extends Pick<EditorProps, 'datasource' | 'query' | 'data' | 'range'> {
  /** The editor finds no problem in the query. */
  valid: boolean;
}

/** Says in one sentence what is asked, and what it costs. */
export function Sentence({ valid, ...props }: Props) {
  const styles = useStyles2(getStyles);
  const { query, datasource } = props;
  const estimate = useEstimate(props, valid);
  const budget = datasource.requestsPerFiveMinutes;
  const isCostly = estimate !== undefined && estimate.calls > budget * MAX_SHARE;
  return (
    <div className={styles.sentence} data-testid={texts.testId}>
      <span>{displayText(query, datasource.maxEvents)}.</span>{' '}
      <span role="status" className={cx(isCostly && styles.costly)}>
        {isCostly && <Icon name="exclamation-triangle" size="sm" />} {isCostly && texts.costly(estimate.calls, budget)} {estimate?.plan}
      </span>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  sentence: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, overflowWrap: 'anywhere' }),
  costly: css({ color: theme.colors.warning.text }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import type { ReactNode } from 'react';

/** Controls beside each other, wrapping on a narrow screen. */
export function Line({ children }: { children: ReactNode }) {
  const styles = useStyles2(getStyles);
  return <div className={styles.line}>{children}</div>;
}

const getStyles = (theme: GrafanaTheme2) => ({
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1, 2) }),
});

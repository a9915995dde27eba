import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { useId, useState, type ReactNode } from 'react';
import { queryStrings } from '../strings/query';
import { Line } from './Line';

const texts = queryStrings.options;

interface Props {
  summary: string[];
  /** Something in the options needs attention, so they are in view. */
  needed: boolean;
  children: ReactNode;
}

/** Controls behind a button that shows their values. */
export function Options({ summary, needed, children }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const [wanted, setWanted] = useState(false);
  // What came into view stays until somebody folds it: it may be in use.
  if (needed && !wanted) {
    setWanted(true);
  }
  const open = wanted || needed;
  return (
    <div className={cx(open && styles.open)}>
      <Button
        size="sm"
        variant="secondary"
        fill="text"
        icon={open ? 'angle-down' : 'angle-right'}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        data-testid={texts.testId}
        onClick={() => setWanted(!open)}
      >
        {open ? texts.label : summary.join(texts.separator)}
      </Button>
      {open && (
        <div id={id} role="group" aria-label={texts.label}>
          <Line>{children}</Line>
        </div>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  open: css({ flex: '1 1 100%', paddingBottom: theme.spacing(1) }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { FieldValidationMessage, IconButton, useStyles2 } from '@grafana/ui';
import type { ReactNode } from 'react';

interface Props {
  label: string;
  /** The id of the control; without it the label is only text and the control brings its own name. */
  htmlFor?: string;
  /** The id of the label, for controls that are named by reference. */
  labelId?: string;
  hint?: string;
  error?: string;
  /** What happens to the value, where nothing is wrong with it. */
  note?: string;
  grow?: boolean;
  children: ReactNode;
}

/** A labelled control of the query editor: label above, what is wrong below. */
export function EditorField({ label, htmlFor, labelId, hint, error, note, grow, children }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={grow ? styles.grow : styles.field}>
      <div className={styles.head}>
        {htmlFor ? (
          <label id={labelId} htmlFor={htmlFor}>
            {label}
          </label>
        ) : (
          <span id={labelId}>{label}</span>
        )}
        {hint && <IconButton name="info-circle" size="sm" tooltip={hint} />}
      </div>
      {children}
      {error && <FieldValidationMessage className={styles.error}>{error}</FieldValidationMessage>}
      {!error && note && <div className={styles.note}>{note}</div>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  field: css({ minWidth: 0, maxWidth: '100%' }),
  grow: css({ minWidth: 0, maxWidth: '100%', flex: '1 1 100%' }),
  head: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    minHeight: theme.spacing(2.5),
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    lineHeight: theme.typography.bodySmall.lineHeight,
    marginBottom: theme.spacing(0.25),
  }),
  note: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, maxWidth: theme.spacing(50) }),
  error: css({ marginTop: theme.spacing(0.5), maxWidth: theme.spacing(50) }),
});

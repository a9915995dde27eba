import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { FieldValidationMessage, Icon, Tooltip, useStyles2 } from '@grafana/ui';
import { forwardRef, useId, type HTMLAttributes, type ReactNode } from 'react';
import { DescribedBy } from './describedBy';

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
  /** Takes a whole line. */
  grow?: boolean;
  /** Takes what is left of its line. */
  fill?: boolean;
  children: ReactNode;
}

/**
 * A control of the query editor with its label above and what is wrong with it below. The hint is a tooltip for the mouse and a
 * description for screen readers, and no stop for the Tab key.
 */
export function EditorField({ label, htmlFor, labelId, hint, error, note, grow, fill, children }: Props) {
  const styles = useStyles2(getStyles);
  const id = useId();
  const message = error ?? note;
  const describedBy = [hint && `${id}-hint`, message && `${id}-message`].filter(Boolean).join(' ') || undefined;
  return (
    <div className={grow ? styles.grow : fill ? styles.fill : styles.field}>
      <div className={styles.head}>
        {htmlFor ? (
          <label id={labelId} htmlFor={htmlFor}>
            {label}
          </label>
        ) : (
          <span id={labelId}>{label}</span>
        )}
        {hint && (
          <>
            <Tooltip content={hint}>
              <HintIcon />
            </Tooltip>
            <span id={`${id}-hint`} hidden>
              {hint}
            </span>
          </>
        )}
      </div>
      <DescribedBy.Provider value={describedBy}>{children}</DescribedBy.Provider>
      {message && (
        <div id={`${id}-message`} className={error ? styles.error : styles.note}>
          {error ? <FieldValidationMessage>{error}</FieldValidationMessage> : note}
        </div>
      )}
    </div>
  );
}

/** Drops the tab stop that a tooltip gives to what it belongs to: a screen reader reads the hint with the control. */
const HintIcon = forwardRef<HTMLSpanElement, HTMLAttributes<HTMLSpanElement>>(function HintIcon({ tabIndex, ...rest }, ref) {
  return (
    <span {...rest} ref={ref} aria-hidden>
      <Icon name="info-circle" size="sm" />
    </span>
  );
});

const getStyles = (theme: GrafanaTheme2) => ({
  field: css({ minWidth: 0, maxWidth: '100%' }),
  grow: css({ minWidth: 0, maxWidth: '100%', flex: '1 1 100%' }),
  fill: css({ minWidth: 'min(100%, 320px)', maxWidth: '100%', flex: '1 1 320px' }),
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

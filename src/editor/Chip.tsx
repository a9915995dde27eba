import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { IconButton, useStyles2 } from '@grafana/ui';
import type { Ref } from 'react';

interface Props {
  text: string;
  /** The whole text, where the chip shows a part. */
  title: string;
  label: string;
  testId: string;
  /** The condition leaves events out. */
  excludes?: boolean;
  buttonRef?: Ref<HTMLButtonElement>;
  onOpen: () => void;
  removeLabel: string;
  onRemove: () => void;
}

/** A condition in few words. A click opens it for editing. */
export function Chip({ text, title, label, testId, excludes, buttonRef, onOpen, removeLabel, onRemove }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <span className={cx(styles.chip, excludes && styles.excluded)} data-testid={testId}>
      <button ref={buttonRef} type="button" className={styles.text} title={title} aria-label={label} onClick={onOpen}>
        {text}
      </button>
      <IconButton name="times" size="sm" tooltip={removeLabel} onClick={onRemove} />
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  chip: css({
    display: 'inline-flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    maxWidth: '100%',
    minHeight: theme.spacing(theme.components.height.md),
    padding: theme.spacing(0, 0.5, 0, 0),
    background: theme.colors.secondary.main,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  excluded: css({ borderLeft: `3px solid ${theme.colors.error.border}` }),
  text: css({
    minWidth: 0,
    maxWidth: theme.spacing(60),
    padding: theme.spacing(0.5, 1),
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    color: theme.colors.text.primary,
    background: 'none',
    border: 'none',
    fontSize: theme.typography.bodySmall.fontSize,
    textAlign: 'left',
    '&:hover': { textDecoration: 'underline' },
  }),
});

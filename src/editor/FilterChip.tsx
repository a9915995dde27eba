import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { IconButton, useStyles2 } from '@grafana/ui';
import type { Ref } from 'react';
import { ALL_FIELDS } from '../query/fields';
import { flagOf, type FilterRow } from '../query/filterRows';
import { queryStrings } from '../strings/query';

const texts = queryStrings.filters;
const MAX_SHOWN = 3;

interface Props {
  row: FilterRow;
  number: number;
  buttonRef: Ref<HTMLButtonElement>;
  onOpen: () => void;
  onRemove: () => void;
}

/** A filter in few words. A click opens it for editing. */
export function FilterChip({ row, number, buttonRef, onOpen, onRemove }: Props) {
  const styles = useStyles2(getStyles);
  const text = describeRow(row, MAX_SHOWN);
  return (
    <span className={cx(styles.chip, row.side === 'exclusions' && Array.isArray(row.value) && styles.excluded)} data-testid={texts.chip}>
      <button ref={buttonRef} type="button" className={styles.text} title={describeRow(row)} aria-label={texts.edit(number, text)} onClick={onOpen}>
        {text}
      </button>
      <IconButton name="times" size="sm" tooltip={texts.remove(number)} onClick={onRemove} />
    </span>
  );
}

/** Describes a row, for example "Account: jane@example.com or 2 more". */
function describeRow(row: FilterRow, maxValues = Infinity): string {
  const label = ALL_FIELDS[row.field]?.label ?? row.field;
  if (!Array.isArray(row.value)) {
    return texts.flagChip(label, flagOf(row));
  }
  const values = row.value.map((value) => value || texts.emptyValue);
  const shown = values.length > maxValues ? [...values.slice(0, maxValues - 1), texts.moreValues(values.length - maxValues + 1)] : values;
  const list = shown.length > 0 ? shown.join(texts.or) : texts.valuesPlaceholder;
  return row.side === 'criteria' ? texts.chipIs(label, list) : texts.chipIsNot(label, list);
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

import type { Ref } from 'react';
import { ALL_FIELDS } from '../query/fields';
import { flagOf, type FilterRow } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import { Chip } from './Chip';

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
  const text = describeRow(row, MAX_SHOWN);
  return (
    <Chip
      text={text}
      title={describeRow(row)}
      label={texts.edit(number, text)}
      testId={texts.chip}
      excludes={row.side === 'exclusions' && Array.isArray(row.value)}
      buttonRef={buttonRef}
      onOpen={onOpen}
      removeLabel={texts.remove(number)}
      onRemove={onRemove}
    />
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

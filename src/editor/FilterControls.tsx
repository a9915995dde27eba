import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { IconButton, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import type { KeyboardEvent } from 'react';
import { PickOne } from '../components/Pickers';
import { ALL_FIELDS } from '../query/fields';
import { flagOf, freeFields, withField, withFlag, type FilterRow, type Side } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import type { FilterField } from '../types';
import { ValuePicker } from './ValuePicker';

const texts = queryStrings.filters;

const OPERATORS = [
  { label: texts.isOneOf, value: 'criteria' },
  { label: texts.isNotOneOf, value: 'exclusions' },
];
const YES_NO = [
  { label: texts.yes, value: true },
  { label: texts.no, value: false },
];

interface Props {
  row: FilterRow;
  number: number;
  rows: FilterRow[];
  /** The control that takes the focus. */
  focus: 'field' | 'values' | undefined;
  onChange: (row: FilterRow) => void;
  onRemove: () => void;
  onClose: () => void;
}

/** The controls of a filter that is open for editing. */
export function FilterControls({ row, number, rows, focus, onChange, onRemove, onClose }: Props) {
  const styles = useStyles2(getStyles);
  const { side, field, value } = row;
  const fields = [field, ...freeFields(rows, side)];
  const otherSide = side === 'criteria' ? 'exclusions' : 'criteria';
  const onKeyDown = (event: KeyboardEvent) => {
    // The open list of a picker takes the first Escape for itself.
    if (event.key === 'Escape' && !event.defaultPrevented) {
      event.stopPropagation();
      onClose();
    }
  };
  return (
    <div className={styles.row} data-testid={texts.row} role="group" aria-label={texts.open(number)} onKeyDown={onKeyDown}>
      <PickOne
        label={texts.field(number)}
        options={fields.map((name) => ({ value: name, label: ALL_FIELDS[name]?.label ?? name, description: ALL_FIELDS[name]?.hint }))}
        value={field}
        width={18}
        autoFocus={focus === 'field'}
        onChange={(name) => onChange(withField(row, name as FilterField))}
      />
      {Array.isArray(value) ? (
        <>
          <PickOne
            label={texts.operator(number)}
            options={OPERATORS}
            value={side}
            width={16}
            disabled={!freeFields(rows, otherSide).includes(field)}
            onChange={(picked) => onChange({ ...row, side: picked as Side })}
          />
          <ValuePicker
            key={field}
            field={field}
            number={number}
            values={value}
            autoFocus={focus === 'values'}
            onChange={(values) => onChange({ ...row, value: values })}
          />
        </>
      ) : (
        <RadioButtonGroup aria-label={texts.flag(number)} options={YES_NO} value={flagOf(row)} onChange={(flag) => onChange(withFlag(row, flag))} />
      )}
      <IconButton name="check" tooltip={texts.close(number)} onClick={onClose} />
      <IconButton name="times" tooltip={texts.remove(number)} onClick={onRemove} />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  row: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    maxWidth: '100%',
    padding: theme.spacing(0, 0.5),
    borderLeft: `2px solid ${theme.colors.primary.border}`,
  }),
});

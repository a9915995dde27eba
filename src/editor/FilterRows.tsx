import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, IconButton, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useContext, useRef, useState } from 'react';
import { EditorField } from '../components/EditorField';
import { FieldWords } from '../components/fieldWords';
import { PickMany, PickOne } from '../components/Pickers';
import { ALL_FIELDS } from '../query/fields';
import { freeFields, nextRow, withField, type FilterRow, type Side } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import type { FilterField } from '../types';

const texts = queryStrings.filters;

const LIST_OPERATORS = [
  { label: texts.isOneOf, value: 'criteria' },
  { label: texts.isNotOneOf, value: 'exclusions' },
];
const FLAG_OPERATORS = [
  { label: texts.is, value: 'criteria' },
  { label: texts.isNot, value: 'exclusions' },
];
const YES_NO = [
  { label: texts.yes, value: true },
  { label: texts.no, value: false },
];

interface Props {
  rows: FilterRow[];
  error?: string;
  onChange: (rows: FilterRow[]) => void;
}

export function FilterRows({ rows, error, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const addButton = useRef<HTMLButtonElement>(null);
  // A row that was just added, or moved to the other side, takes the focus.
  const [focused, setFocused] = useState<number>();
  const criteriaCount = rows.filter(({ side }) => side === 'criteria').length;
  const next = nextRow(rows);

  const insert = (row: FilterRow, others: FilterRow[]) => {
    const position = row.side === 'criteria' ? others.filter(({ side }) => side === 'criteria').length : others.length;
    setFocused(position);
    onChange(others.toSpliced(position, 0, row));
  };
  const change = (index: number, row: FilterRow) => {
    if (row.side !== rows[index].side) {
      insert(row, rows.toSpliced(index, 1));
    } else {
      onChange(rows.with(index, row));
    }
  };
  const remove = (index: number) => {
    setFocused(undefined);
    onChange(rows.toSpliced(index, 1));
    addButton.current?.focus();
  };

  return (
    <EditorField
      label={texts.label}
      hint={texts.hint}
      error={error}
      grow
    >
      <div className={styles.rows} role="group" aria-label={texts.label} data-testid={texts.testId}>
        {rows.map((row, index) => (
          <Row
            key={row.side === 'criteria' ? `criteria.${index}` : `exclusions.${index - criteriaCount}`}
            row={row}
            number={index + 1}
            rows={rows}
            autoFocus={index === focused}
            onChange={(changed) => change(index, changed)}
            onRemove={() => remove(index)}
          />
        ))}
        <Button ref={addButton} variant="secondary" size="sm" icon="plus" onClick={() => next && insert(next, rows)} disabled={!next}>
          {texts.add}
        </Button>
      </div>
    </EditorField>
  );
}

interface RowProps {
  row: FilterRow;
  number: number;
  rows: FilterRow[];
  autoFocus: boolean;
  onChange: (row: FilterRow) => void;
  onRemove: () => void;
}

function Row({ row, number, rows, autoFocus, onChange, onRemove }: RowProps) {
  const styles = useStyles2(getStyles);
  const { side, field, value } = row;
  const fields = [field, ...freeFields(rows, side)];
  const otherSide = side === 'criteria' ? 'exclusions' : 'criteria';
  const canSwitch = freeFields(rows, otherSide).includes(field);
  const operators = Array.isArray(value) ? LIST_OPERATORS : FLAG_OPERATORS;
  return (
    <div className={styles.row} data-testid={texts.row}>
      <PickOne
        label={texts.field(number)}
        options={fields.map((name) => ({ value: name, label: ALL_FIELDS[name]?.label ?? name, description: ALL_FIELDS[name]?.hint }))}
        value={field}
        width={18}
        autoFocus={autoFocus}
        onChange={(name) => onChange(withField(row, name as FilterField))}
      />
      <PickOne
        label={texts.operator(number)}
        options={operators}
        value={side}
        width={16}
        disabled={!canSwitch}
        onChange={(picked) => onChange({ ...row, side: picked as Side })}
      />
      {Array.isArray(value) ? (
        <ValueList row={row} values={value} number={number} onChange={onChange} />
      ) : (
        <RadioButtonGroup
          aria-label={texts.flag(number)}
          options={YES_NO}
          value={value}
          onChange={(flag) => onChange({ ...row, value: flag })}
        />
      )}
      <IconButton name="times" tooltip={texts.remove(number)} onClick={onRemove} />
    </div>
  );
}

interface ValueListProps {
  row: FilterRow;
  values: string[];
  number: number;
  onChange: (row: FilterRow) => void;
}

function ValueList({ row, values, number, onChange }: ValueListProps) {
  const info = ALL_FIELDS[row.field];
  const ownWords = useContext(FieldWords)?.[row.field] ?? [];
  const words = [...new Set([...(info?.known ?? []), ...ownWords])].sort();
  return (
    <PickMany
      label={texts.values(number)}
      options={words.map((word) => ({ value: word, label: word }))}
      values={values}
      placeholder={info?.placeholder ?? texts.valuesPlaceholder}
      custom
      onChange={(changed) => onChange({ ...row, value: changed })}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  rows: css({ display: 'flex', flexDirection: 'column', alignItems: 'flex-start', gap: theme.spacing(0.5) }),
  row: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(0.5), maxWidth: '100%' }),
});

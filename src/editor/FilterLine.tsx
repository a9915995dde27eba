import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { EditorField } from '../components/EditorField';
import { keyOf, nextRow, sortRows, type FilterRow } from '../query/filterRows';
import { queryStrings } from '../strings/query';
import { FilterChip } from './FilterChip';
import { FilterControls } from './FilterControls';

const texts = queryStrings.filters;

interface Props {
  rows: FilterRow[];
  error?: string;
  onChange: (rows: FilterRow[]) => void;
  /** More conditions on the same line. */
  children?: ReactNode;
}

interface Open {
  key: string;
  focus?: 'field' | 'values';
}

/** The filters of a query on one wrapping line: chips, one of which may be open for editing. */
export function FilterLine({ rows: stored, error, onChange, children }: Props) {
  const styles = useStyles2(getStyles);
  // The query keeps its two sides apart. A filter that changes sides stays where it is on screen.
  const [order, setOrder] = useState<string[]>([]);
  const [open, setOpen] = useState<Open>();
  const { focusNext, bind } = useFocusNext();
  const rows = sortRows(stored, order);
  const next = nextRow(rows);

  const write = (changed: FilterRow[]) => {
    setOrder(changed.map(keyOf));
    onChange(changed);
  };
  const add = () => {
    if (next) {
      setOpen({ key: keyOf(next), focus: 'field' });
      write([...rows, next]);
    }
  };
  const change = (index: number, row: FilterRow) => {
    setOpen({ key: keyOf(row) });
    write(rows.with(index, row));
  };
  const remove = (index: number) => {
    focusNext('add');
    setOpen(undefined);
    write(rows.toSpliced(index, 1));
  };
  const close = (key: string) => {
    focusNext(key);
    setOpen(undefined);
  };

  return (
    <EditorField label={texts.label} hint={texts.hint} error={error} fill>
      <div className={styles.line} role="group" aria-label={texts.label} data-testid={texts.testId}>
        {rows.map((row, index) => {
          const key = keyOf(row);
          const shared = { row, number: index + 1, onRemove: () => remove(index) };
          return key === open?.key ? (
            <FilterControls
              key={index}
              {...shared}
              rows={rows}
              focus={open.focus}
              onChange={(changed) => change(index, changed)}
              onClose={() => close(key)}
            />
          ) : (
            <FilterChip key={index} {...shared} buttonRef={bind(key)} onOpen={() => setOpen({ key, focus: 'values' })} />
          );
        })}
        <Button ref={bind('add')} variant="secondary" size="sm" icon="plus" onClick={add} disabled={!next}>
          {texts.add}
        </Button>
        {children}
      </div>
    </EditorField>
  );
}

/** Moves the focus to a button that may only be there after the next render. */
function useFocusNext() {
  const buttons = useRef(new Map<string, HTMLButtonElement>());
  const wanted = useRef<string>(undefined);
  useEffect(() => {
    if (wanted.current) {
      buttons.current.get(wanted.current)?.focus();
      wanted.current = undefined;
    }
  });
  return {
    focusNext: (name: string) => {
      wanted.current = name;
    },
    bind: (name: string) => (element: HTMLButtonElement | null) => {
      if (element) {
        buttons.current.set(name, element);
      } else {
        buttons.current.delete(name);
      }
    },
  };
}

const getStyles = (theme: GrafanaTheme2) => ({
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(0.5, 1), minWidth: 0 }),
});

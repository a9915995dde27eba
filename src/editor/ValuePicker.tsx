import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { useContext, useId, useRef, useState } from 'react';
import { FieldWords } from '../components/fieldWords';
import { PickMany } from '../components/Pickers';
import { ALL_FIELDS, EXACT_FIELDS } from '../query/fields';
import { differentCase, prefixOf, toFilterValue, valueOptions, type ValueOption } from '../query/valueOptions';
import { queryStrings, valueStrings } from '../strings/query';
import type { FilterField } from '../types';
import { type FieldValues, toError } from '../variables/values';
import { Suggest } from './suggest';

const NOTHING: FieldValues = { values: [], complete: false };

interface Props {
  field: FilterField;
  number: number;
  values: string[];
  autoFocus: boolean;
  onChange: (values: string[]) => void;
}

/** Picks the values of one filter, with suggestions from the time range of the editor. */
export function ValuePicker({ field, number, values, autoFocus, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const { known, load, failure, suggested } = useSuggestions(field);
  const { hint, check, forget } = useCaseHint(field, known);
  const change = (picked: string[]) => {
    const next = [...new Set(picked.map((value) => toFilterValue(field, value)))];
    onChange(next);
    const added = next.find((value) => !values.includes(value));
    void check(added !== undefined && !suggested(added) ? added : undefined);
  };
  const replace = (wanted: string, found: string) => {
    forget();
    onChange([...new Set(values.map((value) => (value === wanted ? found : value)))]);
  };
  return (
    <div className={styles.picker}>
      <PickMany
        label={queryStrings.filters.values(number)}
        options={load ?? known.map((word) => ({ value: word, label: word }))}
        values={values}
        placeholder={ALL_FIELDS[field]?.placeholder ?? queryStrings.filters.valuesPlaceholder}
        custom
        autoFocus={autoFocus}
        onChange={change}
      />
      <div role="status" className={styles.hint}>
        {failure && <span>{valueStrings.failed(failure)}</span>}
        {hint && values.includes(hint.wanted) && (
          <span>
            {valueStrings.differentCase(hint.wanted)}{' '}
            <Button size="sm" variant="secondary" fill="text" onClick={() => replace(hint.wanted, hint.found)}>
              {valueStrings.didYouMean(hint.found)}
            </Button>
          </span>
        )}
      </div>
    </div>
  );
}

/** Returns the known words of a field, and what loads the options of its picker where values can be read. */
function useSuggestions(field: FilterField) {
  const read = useContext(Suggest);
  const ownWords = useContext(FieldWords)?.[field] ?? [];
  const requestId = useId();
  const [failure, setFailure] = useState<string>();
  const found = useRef<string[]>([]);
  const known = [...new Set([...(ALL_FIELDS[field]?.known ?? []), ...ownWords])].sort();
  const load = async (typed: string): Promise<ValueOption[]> => {
    if (!read || typed.includes('$')) {
      return valueOptions(field, typed, known, NOTHING);
    }
    try {
      const answer = await read(field, prefixOf(typed), requestId);
      found.current = answer.values.map(({ value }) => value);
      setFailure(undefined);
      return valueOptions(field, typed, known, answer);
    } catch (error) {
      setFailure(toError(error).message);
      return valueOptions(field, typed, known, NOTHING);
    }
  };
  const suggested = (value: string) => found.current.includes(value) || known.includes(value);
  return { known, load: read && load, failure, suggested };
}

/** Notices when a value that was typed occurs only with other upper and lower case letters. */
function useCaseHint(field: FilterField, known: string[]) {
  const read = useContext(Suggest);
  const requestId = useId();
  const [hint, setHint] = useState<{ wanted: string; found: string }>();
  const candidates = async (wanted: string): Promise<string[]> => {
    if (known.length > 0) {
      return known;
    }
    const isExact = EXACT_FIELDS.includes(field) && !wanted.includes('$');
    const { values } = read && isExact ? await read(field, wanted, requestId).catch(() => NOTHING) : NOTHING;
    return values.map(({ value }) => value);
  };
  const check = async (wanted: string | undefined) => {
    setHint(undefined);
    const found = wanted === undefined ? undefined : differentCase(wanted, await candidates(wanted));
    if (wanted !== undefined && found !== undefined) {
      setHint({ wanted, found });
    }
  };
  return { hint, check, forget: () => setHint(undefined) };
}

const getStyles = (theme: GrafanaTheme2) => ({
  picker: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(0, 1), minWidth: 0, maxWidth: '100%' }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});

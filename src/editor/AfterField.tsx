import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { useId } from 'react';
import { EditorField } from '../components/EditorField';
import { PickMany } from '../components/Pickers';
import { ACTIONS, OUTCOMES } from '../query/fields';
import { atLeastProblem, parseCount } from '../query/problems';
import { queryStrings } from '../strings/query';
import type { After, Filters } from '../types';
import { DraftField } from './DraftField';

const texts = queryStrings.after;

interface Props {
  after: After;
  error?: string;
  onChange: (after: After | undefined) => void;
  onRunQuery: () => void;
}

/** Edits which events must come before, in the same group. Stored fields that it does not offer stay. */
export function AfterField({ after, error, onChange, onRunQuery }: Props) {
  const styles = useStyles2(getStyles);
  const stored: After = typeof after === 'object' ? after : {};
  const pick = (field: 'outcome' | 'action', values: string[]) => {
    const others = Object.entries(stored.criteria ?? {}).filter(([name]) => name !== field);
    const criteria: Filters = Object.fromEntries(values.length > 0 ? [...others, [field, values]] : others);
    onChange({ ...stored, criteria });
    onRunQuery();
  };
  return (
    <div role="group" aria-label={texts.group} className={styles.line} data-testid={texts.container}>
      <DraftField
        texts={texts.atLeast}
        hint={texts.atLeast.hint}
        value={String(stored.atLeast ?? 1)}
        problem={(text) => atLeastProblem(parseCount(text))}
        numeric
        onChange={(text) => onChange({ ...stored, atLeast: Number(text) })}
        onRunQuery={onRunQuery}
      />
      <Words label={texts.outcome} words={OUTCOMES} values={stored.criteria?.outcome ?? []} error={error} onChange={(values) => pick('outcome', values)} />
      <Words label={texts.action} words={ACTIONS} values={stored.criteria?.action ?? []} onChange={(values) => pick('action', values)} />
      <Button
        className={styles.remove}
        size="sm"
        variant="secondary"
        icon="trash-alt"
        aria-label={texts.remove}
        tooltip={texts.remove}
        onClick={() => {
          onChange(undefined);
          onRunQuery();
        }}
      />
    </div>
  );
}

interface WordsProps {
  label: string;
  words: string[];
  values: string[];
  error?: string;
  onChange: (values: string[]) => void;
}

function Words({ label, words, values, error, onChange }: WordsProps) {
  const id = useId();
  return (
    <EditorField label={label} htmlFor={id} labelId={`${id}-label`} error={error}>
      <PickMany
        id={id}
        labelledBy={`${id}-label`}
        label={label}
        options={words.map((value) => ({ value, label: value }))}
        values={values}
        custom
        invalid={Boolean(error)}
        onChange={onChange}
      />
    </EditorField>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1, 2) }),
  remove: css({ alignSelf: 'flex-end' }),
});

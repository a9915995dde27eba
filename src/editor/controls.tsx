import { css } from '@emotion/css';
import { InlineSwitch, RadioButtonGroup } from '@grafana/ui';
import { useId, type ReactNode } from 'react';
import { useDescribedBy } from '../components/describedBy';
import { EditorField } from '../components/EditorField';
import { PickMany } from '../components/Pickers';
import { canFold } from '../query/canFold';
import { FIELD_OPTIONS } from '../query/fields';
import { limitProblem, parseCount } from '../query/problems';
import { queryStrings } from '../strings/query';
import type { FilterField } from '../types';
import { AfterField } from './AfterField';
import type { Choice as ChoiceOption } from './choices';
import { DraftField } from './DraftField';
import type { TypeEditorProps } from './props';

// The controls that the editors of several query types share.

const texts = queryStrings;

interface ChoiceProps<T> {
  texts: { label: string; testId: string };
  options: ChoiceOption<T>[];
  value: T;
  error?: string;
  onChange: (value: T) => void;
}

/** A choice of few values, all of them in view. */
export function Choice<T>({ texts: { label, testId }, options, value, error, onChange }: ChoiceProps<T>) {
  return (
    <EditorField label={label} error={error}>
      <Described testId={testId}>
        <RadioButtonGroup className={WRAPPING} aria-label={label} options={options} value={value} onChange={onChange} />
      </Described>
    </EditorField>
  );
}

/** Older radio button groups take no description, so the error of the field belongs to the group around them. */
function Described({ testId, children }: { testId: string; children: ReactNode }) {
  const describedBy = useDescribedBy();
  return (
    <div data-testid={testId} role={describedBy && 'group'} aria-describedby={describedBy}>
      {children}
    </div>
  );
}

const WRAPPING = css({ flexWrap: 'wrap', height: 'auto' });

export function GroupBy({ query: { groupBy }, problemAt, editAndRun }: TypeEditorProps) {
  const id = useId();
  const { label, hint, placeholder, testId } = texts.groupBy;
  const error = problemAt('groupBy');
  return (
    <EditorField label={label} htmlFor={id} labelId={`${id}-label`} hint={hint} error={error}>
      <PickMany
        id={id}
        labelledBy={`${id}-label`}
        label={label}
        testId={testId}
        placeholder={placeholder}
        options={FIELD_OPTIONS}
        values={groupBy}
        invalid={Boolean(error)}
        onChange={(picked) => editAndRun({ groupBy: picked as FilterField[] })}
      />
    </EditorField>
  );
}

export function Limit({ query: { queryType, limit }, datasource: { maxEvents }, edit, onRunQuery }: TypeEditorProps) {
  // A stored limit may be higher than the data source allows by now: it is reduced, not refused.
  const problem = (count: number) => (count === limit && count > maxEvents ? undefined : limitProblem(count, maxEvents));
  return (
    <DraftField
      texts={texts.limit}
      hint={queryType === 'events' ? texts.limit.eventsHint : texts.limit.groupsHint}
      value={String(limit)}
      note={limit > maxEvents ? texts.limit.reduced(maxEvents) : undefined}
      problem={(text) => problem(parseCount(text))}
      numeric
      onChange={(text) => edit({ limit: Number(text) })}
      onRunQuery={onRunQuery}
    />
  );
}

/** Is offered where a policy may be among the events, and where a query has it. */
export function Fold({ query, problemAt, editAndRun }: TypeEditorProps) {
  const id = useId();
  const { label, hint, testId } = texts.fold;
  const { fold } = query;
  return fold === false && !canFold(query) ? null : (
    <EditorField label={label} htmlFor={id} hint={hint} error={problemAt('fold')}>
      <InlineSwitch
        id={id}
        data-testid={testId}
        value={fold === true}
        onChange={({ currentTarget }) => editAndRun({ fold: currentTarget.checked || undefined })}
      />
    </EditorField>
  );
}

/** Shows the condition on earlier events where a query has one, also where its query type does not allow it. */
export function StoredAfter({ query: { after }, problemAt, edit, onRunQuery }: TypeEditorProps) {
  return after === undefined ? null : (
    <AfterField after={after} error={problemAt('after')} onChange={(changed) => edit({ after: changed })} onRunQuery={onRunQuery} />
  );
}

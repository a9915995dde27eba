import { Input } from '@grafana/ui';
import { useId } from 'react';
import { EditorField } from '../components/EditorField';
import { useDraft } from '../components/useDraft';
import { limitProblem } from '../query/problems';
import { selectors } from '../selectors';

interface Props {
  limit: number;
  max: number;
  hint: string;
  onChange: (limit: number) => void;
  onRunQuery: () => void;
}

/** A wrong limit is told in place and kept as typed; the query keeps its last valid one. */
export function LimitField({ limit, max, hint, onChange, onRunQuery }: Props) {
  const id = useId();
  const { label, testId } = selectors.queryEditor.limit;
  const { text, type } = useDraft(String(limit), (typed) => {
    const next = parseLimit(typed);
    if (!limitProblem(next, max)) {
      onChange(next);
    }
  });
  const problem = limitProblem(parseLimit(text), max);
  const stays = limitProblem(limit, max) ? '' : ` Until then the limit stays ${limit}.`;
  return (
    <EditorField label={label} htmlFor={id} hint={hint} error={problem && problem + stays}>
      <Input
        id={id}
        data-testid={testId}
        width={12}
        inputMode="numeric"
        value={text}
        invalid={Boolean(problem)}
        onChange={(event) => type(event.currentTarget.value)}
        onBlur={onRunQuery}
        onKeyDown={(event) => event.key === 'Enter' && onRunQuery()}
      />
    </EditorField>
  );
}

function parseLimit(text: string): number {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : NaN;
}

import { Input } from '@grafana/ui';
import { useId, useRef } from 'react';
import { EditorField } from '../components/EditorField';
import { useDraft } from '../components/useDraft';

interface Props {
  texts: { label: string; testId: string };
  hint: string;
  /** The value of the query, as text. */
  value: string;
  problem: (text: string) => string | undefined;
  numeric?: boolean;
  onChange: (text: string) => void;
  onRunQuery: () => void;
}

/**
 * A short text of the query. What is wrong with it is told in place and kept as typed, and the query keeps its last valid
 * value. Enter runs the query, leaving the field does when it has changed.
 */
export function DraftField({ texts: { label, testId }, hint, value, problem, numeric, onChange, onRunQuery }: Props) {
  const id = useId();
  const { text, type } = useDraft(value, (typed) => {
    if (!problem(typed.trim())) {
      onChange(typed.trim());
    }
  });
  const lastRun = useRef(value);
  const run = () => {
    lastRun.current = value;
    onRunQuery();
  };
  const wrong = problem(text.trim());
  const stays = problem(value) ? '' : ` Until then it stays ${value}.`;
  return (
    <EditorField label={label} htmlFor={id} hint={hint} error={wrong && wrong + stays}>
      <Input
        id={id}
        data-testid={testId}
        width={12}
        inputMode={numeric ? 'numeric' : 'text'}
        value={text}
        invalid={Boolean(wrong)}
        onChange={(event) => type(event.currentTarget.value)}
        onBlur={() => value !== lastRun.current && run()}
        onKeyDown={(event) => event.key === 'Enter' && run()}
      />
    </EditorField>
  );
}

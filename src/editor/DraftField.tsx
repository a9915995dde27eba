import { useId } from 'react';
import { DescribedInput } from '../components/DescribedInput';
import { EditorField } from '../components/EditorField';
import { useDraft } from '../components/useDraft';
import { queryProblems } from '../strings/query';

interface Props {
  texts: { label: string; testId: string };
  hint: string;
  /** What happens to a valid value. */
  note?: string;
  /** The value in the query. */
  value: string;
  problem: (text: string) => string | undefined;
  numeric?: boolean;
  onChange: (text: string) => void;
  onRunQuery: () => void;
}

/**
 * A short value of the query. What was typed stays, and what is wrong with it is shown below; the query keeps its last valid
 * value. Enter runs the query.
 */
export function DraftField({ texts: { label, testId }, hint, note, value, problem, numeric, onChange, onRunQuery }: Props) {
  const id = useId();
  const { text, type } = useDraft(value, (typed) => {
    if (!problem(typed.trim())) {
      onChange(typed.trim());
    }
  });
  const wrong = problem(text.trim());
  const keeps = problem(value) ? '' : queryProblems.keepsValue(value);
  return (
    <EditorField label={label} htmlFor={id} hint={hint} error={wrong && wrong + keeps} note={note}>
      <DescribedInput
        id={id}
        data-testid={testId}
        width={12}
        inputMode={numeric ? 'numeric' : 'text'}
        value={text}
        invalid={Boolean(wrong)}
        onChange={(event) => type(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Enter' && onRunQuery()}
      />
    </EditorField>
  );
}

import { Input } from '@grafana/ui';
import { useId } from 'react';
import { EditorField } from '../components/EditorField';
import { useDraft } from '../components/useDraft';
import { baselineProblem } from '../query/problems';
import { selectors } from '../selectors';

interface Props {
  baseline: string;
  onChange: (baseline: string) => void;
  onRunQuery: () => void;
}

export function BaselineField({ baseline, onChange, onRunQuery }: Props) {
  const id = useId();
  const { label, testId } = selectors.queryEditor.baseline;
  const { text, type } = useDraft(baseline, (typed) => {
    if (!baselineProblem(typed.trim())) {
      onChange(typed.trim());
    }
  });
  const problem = baselineProblem(text.trim());
  return (
    <EditorField
      label={label}
      htmlFor={id}
      hint="The time before the window in which a group must not have occurred."
      error={problem}
    >
      <Input
        id={id}
        data-testid={testId}
        width={12}
        value={text}
        invalid={Boolean(problem)}
        onChange={(event) => type(event.currentTarget.value)}
        onBlur={onRunQuery}
        onKeyDown={(event) => event.key === 'Enter' && onRunQuery()}
      />
    </EditorField>
  );
}

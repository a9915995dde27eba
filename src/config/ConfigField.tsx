import { Field } from '@grafana/ui';
import { useId, type JSX, type ReactNode } from 'react';
import { DescribedBy } from '../components/describedBy';
import { useProblem } from './problems';

interface Props {
  label: string;
  description?: ReactNode;
  error?: string;
  required?: boolean;
  /** Draws the control, whose description and error have these ids. */
  children: (ids: { id: string; describedBy: string | undefined }) => JSX.Element;
}

/** A setting with its label, description and error, which screen readers read with the control. */
export function ConfigField({ label, description, error, required, children }: Props) {
  const id = useId();
  useProblem(label, error);
  const describedBy = [description && `${id}-description`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return (
    <DescribedBy.Provider value={describedBy}>
      <Field
        label={label}
        htmlFor={id}
        required={required}
        description={description && <span id={`${id}-description`}>{description}</span>}
        invalid={Boolean(error)}
        error={error && <span id={`${id}-error`}>{error}</span>}
      >
        {children({ id, describedBy })}
      </Field>
    </DescribedBy.Provider>
  );
}

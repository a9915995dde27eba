import { Field, Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';
import { useId } from 'react';
import { useDraft } from '../components/useDraft';
import { readBoolean, readNumber } from './settings';
import type { SecretControl } from './useSettings';
import { numberProblem } from './validation';

const WIDTH = 50;

/** The text of one setting, see strings/config.ts. */
interface Texts {
  label: string;
  testId: string;
  placeholder?: string;
  description?: string;
}

interface TextFieldProps {
  texts: Texts;
  value: string;
  problem?: (value: string) => string | undefined;
  required?: boolean;
  onChange: (value: string) => void;
}

export function TextField({ texts, value, problem, required, onChange }: TextFieldProps) {
  const id = useId();
  const error = problem?.(value);
  return (
    <Field label={texts.label} htmlFor={id} description={texts.description} invalid={Boolean(error)} error={error} required={required}>
      <Input
        id={id}
        data-testid={texts.testId}
        width={WIDTH}
        placeholder={texts.placeholder}
        value={value}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.currentTarget.value)}
        onBlur={() => value !== value.trim() && onChange(value.trim())}
      />
    </Field>
  );
}

interface NumberFieldProps {
  texts: Texts;
  value: number | string | undefined;
  byDefault: number;
  min: number;
  max: number;
  onChange: (value: number | undefined) => void;
}

/** Edits a number. An empty field means the default; an invalid number stays visible and is not saved. */
export function NumberField({ texts, value, byDefault, min, max, onChange }: NumberFieldProps) {
  const id = useId();
  const { text, type } = useDraft(String(value ?? ''), (typed) => {
    if (!numberProblem(typed.trim(), min, max)) {
      onChange(readNumber(typed));
    }
  });
  const error = numberProblem(text.trim(), min, max);
  return (
    <Field label={texts.label} htmlFor={id} description={texts.description} invalid={Boolean(error)} error={error}>
      <Input
        id={id}
        data-testid={texts.testId}
        width={20}
        inputMode="numeric"
        placeholder={String(byDefault)}
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
      />
    </Field>
  );
}

interface SwitchFieldProps {
  texts: Texts;
  value: boolean | string | undefined;
  onChange: (value: boolean) => void;
}

export function SwitchField({ texts, value, onChange }: SwitchFieldProps) {
  const id = useId();
  return (
    <Field label={texts.label} htmlFor={id} description={texts.description}>
      <Switch id={id} data-testid={texts.testId} value={readBoolean(value)} onChange={(event) => onChange(event.currentTarget.checked)} />
    </Field>
  );
}

interface SecretFieldProps {
  texts: Texts;
  secret: SecretControl;
  problem?: (value: string) => string | undefined;
  required?: boolean;
}

export function SecretField({ texts, secret, problem, required }: SecretFieldProps) {
  const id = useId();
  const error = secret.isConfigured ? undefined : problem?.(secret.value);
  return (
    <Field label={texts.label} htmlFor={id} description={texts.description} invalid={Boolean(error)} error={error} required={required}>
      <SecretInput
        id={id}
        data-testid={texts.testId}
        width={WIDTH}
        placeholder={texts.placeholder}
        isConfigured={secret.isConfigured}
        value={secret.value}
        autoComplete="new-password"
        onReset={secret.reset}
        onChange={(event) => secret.set(event.currentTarget.value)}
        onBlur={() => secret.value !== secret.value.trim() && secret.set(secret.value.trim())}
      />
    </Field>
  );
}

export function PemField({ texts, secret, begins }: { texts: Texts; secret: SecretControl; begins: string }) {
  const id = useId();
  return (
    <Field label={texts.label} htmlFor={id}>
      <SecretTextArea
        id={id}
        data-testid={texts.testId}
        rows={5}
        cols={60}
        placeholder={begins}
        isConfigured={secret.isConfigured}
        value={secret.value}
        onReset={secret.reset}
        onChange={(event) => secret.set(event.currentTarget.value)}
      />
    </Field>
  );
}

import { Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';
import { useState } from 'react';
import { useDraft } from '../components/useDraft';
import { ConfigField } from './ConfigField';
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
  return (
    <ConfigField label={texts.label} description={texts.description} error={problem?.(value)} required={required}>
      {({ id, describedBy }) => (
        <Input
          id={id}
          aria-describedby={describedBy}
          data-testid={texts.testId}
          width={WIDTH}
          placeholder={texts.placeholder}
          value={value}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onChange(event.currentTarget.value)}
          onBlur={() => value !== value.trim() && onChange(value.trim())}
        />
      )}
    </ConfigField>
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
  const { text, type } = useDraft(String(value ?? ''), (typed) => {
    if (!numberProblem(typed.trim(), min, max)) {
      onChange(readNumber(typed));
    }
  });
  return (
    <ConfigField label={texts.label} description={texts.description} error={numberProblem(text.trim(), min, max)}>
      {({ id, describedBy }) => (
        <Input
          id={id}
          aria-describedby={describedBy}
          data-testid={texts.testId}
          width={20}
          inputMode="numeric"
          placeholder={String(byDefault)}
          value={text}
          onChange={(event) => type(event.currentTarget.value)}
        />
      )}
    </ConfigField>
  );
}

interface SwitchFieldProps {
  texts: Texts;
  value: boolean | string | undefined;
  onChange: (value: boolean) => void;
}

export function SwitchField({ texts, value, onChange }: SwitchFieldProps) {
  return (
    <ConfigField label={texts.label} description={texts.description}>
      {({ id, describedBy }) => (
        <Switch
          id={id}
          aria-describedby={describedBy}
          data-testid={texts.testId}
          value={readBoolean(value)}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      )}
    </ConfigField>
  );
}

interface SecretFieldProps {
  texts: Texts;
  secret: SecretControl;
  problem?: (value: string) => string | undefined;
  required?: boolean;
}

/** Edits a secret. A wrong one stays in the field and is not saved, so that it never counts as configured. */
export function SecretField({ texts, secret, problem, required }: SecretFieldProps) {
  const [rejected, setRejected] = useState('');
  const text = rejected || secret.value;
  const error = secret.isConfigured ? undefined : problem?.(text);
  const type = (typed: string) => {
    const isWrong = Boolean(problem?.(typed));
    setRejected(isWrong ? typed : '');
    secret.set(isWrong ? '' : typed);
  };
  const reset = () => {
    setRejected('');
    secret.reset();
  };
  return (
    <ConfigField label={texts.label} description={texts.description} error={error} required={required}>
      {({ id, describedBy }) => (
        <SecretInput
          id={id}
          aria-describedby={describedBy}
          data-testid={texts.testId}
          width={WIDTH}
          placeholder={texts.placeholder}
          isConfigured={secret.isConfigured}
          value={text}
          autoComplete="new-password"
          onReset={reset}
          onChange={(event) => type(event.currentTarget.value)}
          onBlur={() => text !== text.trim() && type(text.trim())}
        />
      )}
    </ConfigField>
  );
}

export function PemField({ texts, secret, begins }: { texts: Texts; secret: SecretControl; begins: string }) {
  return (
    <ConfigField label={texts.label}>
      {({ id }) => (
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
      )}
    </ConfigField>
  );
}

import { RadioButtonGroup } from '@grafana/ui';
import { useState } from 'react';
import { contextStrings as texts } from '../strings/query';
import { CONTEXT_SCOPES, hasScope, type ContextScope } from './context';

interface Props {
  labels: Record<string, string>;
  initial: ContextScope;
  onChange: (scope: ContextScope) => void;
}

/** Chooses whose events surround a log line. */
export function ContextScopePicker({ labels, initial, onChange }: Props) {
  const [scope, setScope] = useState(initial);
  const options = CONTEXT_SCOPES.filter((value) => hasScope(labels, value)).map((value) => ({ value, label: texts.scopes[value] }));
  const choose = (value: ContextScope) => {
    setScope(value);
    onChange(value);
  };
  return <RadioButtonGroup aria-label={texts.label} size="sm" options={options} value={hasScope(labels, scope) ? scope : 'everyone'} onChange={choose} />;
}

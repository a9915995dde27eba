import type { ScopedVars, TypedVariableModel } from '@grafana/data';
import type { Templates } from '../variables/capture';

interface Variable {
  value: string | string[];
  /** What Grafana puts in for All, unformatted. */
  allValue?: string;
  /** The values behind All. */
  options?: string[];
}

const ALL = '$__all';

/** Template variables with the rules of Grafana's own service, as far as this plugin meets them. */
export function fakeTemplates(variables: Record<string, Variable>): Templates {
  return {
    getVariables: () =>
      Object.entries(variables).map(([name, { value }]) => ({ name, current: { value } }) as unknown as TypedVariableModel),
    replace: (text, scopedVars, format) =>
      text.replace(/\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]|\$(\w+)/g, (reference, braced, explicit, bracketed, plain) => {
        const name = braced ?? bracketed ?? plain;
        return render(reference, name, explicit, variables[name], scopedVars, format);
      }),
  };
}

function render(
  reference: string,
  name: string,
  explicit: string | undefined,
  variable: Variable | undefined,
  scopedVars: ScopedVars | undefined,
  format: Parameters<Templates['replace']>[2]
): string {
  const scoped = scopedVars?.[name];
  if (!scoped && !variable) {
    return reference;
  }
  const isAll = !scoped && [variable?.value].flat().includes(ALL);
  if (isAll && variable?.allValue !== undefined && explicit !== 'text') {
    return variable.allValue;
  }
  const value = scoped ? scoped.value : isAll ? (variable?.options ?? []) : variable?.value;
  if (explicit) {
    return String(value);
  }
  return format ? format(value, { name }) : String(value);
}

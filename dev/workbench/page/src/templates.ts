import { type ScopedVars, type TypedVariableModel } from '@grafana/data';
import { type TemplateSrv } from '@grafana/runtime';

import { type DashboardVariable } from './types';

const reference = /\$(\w+)|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

type Format = Parameters<TemplateSrv['replace']>[2];

/** The variables of the current dashboard, with their saved values. Values are never queried. */
export class Templates implements TemplateSrv {
  private variables: DashboardVariable[] = [];

  use(variables: DashboardVariable[]) {
    this.variables = variables;
  }

  getVariables(): TypedVariableModel[] {
    return this.variables as unknown as TypedVariableModel[];
  }

  containsTemplate(target?: string): boolean {
    return [...(target ?? '').matchAll(reference)].some((match) => this.find(match[1] ?? match[2]) !== undefined);
  }

  updateTimeRange() {}

  replace: TemplateSrv['replace'] = (target = '', scopedVars, format, interpolations) =>
    target.replace(reference, (match, plain?: string, braced?: string, fieldPath?: string, ownFormat?: string) => {
      const variableName = plain ?? braced ?? '';
      const value = this.valueOf(variableName, ownFormat ?? format, scopedVars);
      interpolations?.push({
        match,
        variableName,
        fieldPath,
        format: ownFormat,
        value: value ?? match,
        found: value !== undefined,
      });
      return value ?? match;
    });

  private find(name: string) {
    return this.variables.find((variable) => variable.name === name);
  }

  private valueOf(name: string, format: Format, scopedVars?: ScopedVars): string | undefined {
    const scoped = scopedVars?.[name];
    if (scoped !== undefined) {
      return apply(format, scoped.value, {});
    }
    const variable = this.find(name);
    const value = variable?.current?.value;
    if (variable === undefined || value === undefined) {
      return undefined;
    }
    if (![value].flat().includes('$__all')) {
      return apply(format, value, variable);
    }
    // As in Grafana, a custom value for "All" is inserted unchanged.
    return (
      variable.allValue ||
      apply(format, (variable.options ?? []).map((o) => o.value).filter((v) => v !== '$__all'), variable)
    );
  }
}

function apply(format: Format, value: unknown, variable: object): string {
  if (typeof format === 'function') {
    return format(value, variable, (v: unknown) => apply(undefined, v, variable));
  }
  if (!Array.isArray(value)) {
    return format === 'json' ? JSON.stringify(value) : String(value);
  }
  switch (format) {
    case 'json':
      return JSON.stringify(value);
    case 'pipe':
      return value.join('|');
    case 'csv':
    case 'raw':
      return value.join(',');
    default:
      return value.length === 1 ? String(value[0]) : `{${value.join(',')}}`;
  }
}

import { queryStrings } from '../strings/query';
import { escapePhrase } from '../variables/lucene';

export interface Suggestion {
  label: string;
  insert: string;
  kind: 'field' | 'operator' | 'value' | 'variable';
  detail: string;
}

const texts = queryStrings.lucene;

/** The fields that Lucene can name. Category, action and outcome are derived later, by this plugin. */
export const LUCENE_FIELDS = texts.fields;

const BOOLEAN = ['true', 'false'];
const VALUES: Record<string, string[]> = {
  flagged: BOOLEAN,
  verbose: BOOLEAN,
  description: ['"logged in"', 'login', 'connector', 'policy', 'grant', '"API ID"', 'LiveResponse', 'QUARANTINE'],
  create_time: ['[2026-01-01T00:00:00Z TO *]'],
};

/** The condition that is being typed: its field, and what there is of its value. */
interface TypedCondition {
  field: string;
  typed: string;
}

/** Returns the condition at the end of a string; nothing inside quotes, and where no field is named. */
export function typedCondition(before: string): TypedCondition | undefined {
  const [, field, typed] = /([a-z_]+):\(?([^\s()"]*)$/.exec(before) ?? [];
  return field && !insideQuotes(before) ? { field, typed } : undefined;
}

/**
 * Returns what fits after the given text: variables everywhere, values after a field, fields and operators elsewhere. The found
 * values of the field come before the examples.
 */
export function suggest(before: string, variables: string[], found: string[] = []): Suggestion[] {
  const own = variables.map((name): Suggestion => ({ label: `$${name}`, insert: `$${name}`, kind: 'variable', detail: texts.variable }));
  if (insideQuotes(before)) {
    return own;
  }
  const field = typedCondition(before)?.field;
  if (field) {
    const values = found.map((value): Suggestion => ({ label: value, insert: toTerm(value), kind: 'value', detail: field }));
    const examples = (VALUES[field] ?? []).map((value): Suggestion => ({ label: value, insert: value, kind: 'value', detail: field }));
    return [...values, ...examples, ...own];
  }
  const fields = Object.entries(LUCENE_FIELDS).map(([name, detail]): Suggestion => ({ label: name, insert: `${name}:`, kind: 'field', detail }));
  const operators = Object.entries(texts.operators).map(([name, detail]): Suggestion => ({ label: name, insert: `${name} `, kind: 'operator', detail }));
  return [...fields, ...operators, ...own];
}

/** A value with more than letters and digits is a phrase, so that nothing in it is read as an operator. */
function toTerm(value: string): string {
  return /^[\w.@]+$/.test(value) && !/^(AND|OR|NOT|TO)$/.test(value) ? value : `"${escapePhrase(value)}"`;
}

/** Returns how many characters before the cursor a suggestion replaces. */
export function prefixLength(before: string): number {
  const condition = typedCondition(before);
  if (condition) {
    return condition.typed.length;
  }
  return (/[\w$.]*$/.exec(before)?.[0] ?? '').length;
}

function insideQuotes(text: string): boolean {
  return (text.replace(/\\[^]/g, '').match(/"/g)?.length ?? 0) % 2 === 1;
}

import { queryStrings } from '../strings/query';

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

/** Returns what fits after the given text: variables everywhere, values after a field, fields and operators elsewhere. */
export function suggest(before: string, variables: string[]): Suggestion[] {
  const own = variables.map((name): Suggestion => ({ label: `$${name}`, insert: `$${name}`, kind: 'variable', detail: texts.variable }));
  if (insideQuotes(before)) {
    return own;
  }
  const [, field] = /([a-z_]+):\(?[^\s()"]*$/.exec(before) ?? [];
  if (field) {
    const values = (VALUES[field] ?? []).map((value): Suggestion => ({ label: value, insert: value, kind: 'value', detail: field }));
    return [...values, ...own];
  }
  const fields = Object.entries(LUCENE_FIELDS).map(([name, detail]): Suggestion => ({ label: name, insert: `${name}:`, kind: 'field', detail }));
  const operators = Object.entries(texts.operators).map(([name, detail]): Suggestion => ({ label: name, insert: `${name} `, kind: 'operator', detail }));
  return [...fields, ...operators, ...own];
}

/** Returns how many characters before the cursor a suggestion replaces. */
export function prefixLength(before: string): number {
  return (/[\w$.]*$/.exec(before)?.[0] ?? '').length;
}

function insideQuotes(text: string): boolean {
  return (text.replace(/\\[^]/g, '').match(/"/g)?.length ?? 0) % 2 === 1;
}

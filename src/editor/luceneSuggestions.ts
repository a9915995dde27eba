export interface Suggestion {
  label: string;
  insert: string;
  kind: 'field' | 'operator' | 'value' | 'variable';
  detail: string;
}

/** The fields that Lucene text can name. Category, action and outcome are derived later and are no part of the text. */
export const LUCENE_FIELDS: Record<string, string> = {
  description: 'What happened, in words',
  actor: 'E-mail address, API ID or device name',
  actor_ip: 'Address it was done from',
  request_url: 'Path of the API call',
  flagged: 'true for events marked by Carbon Black Cloud',
  verbose: 'true for detail entries',
  create_time: 'When it happened, for ranges',
};

const OPERATORS: Record<string, string> = {
  AND: 'both sides match',
  OR: 'either side matches',
  NOT: 'the next part does not match',
};

const BOOLEAN = ['true', 'false'];
const VALUES: Record<string, string[]> = {
  flagged: BOOLEAN,
  verbose: BOOLEAN,
  description: ['"logged in"', 'login', 'connector', 'policy', 'grant', '"API ID"', 'LiveResponse', 'QUARANTINE'],
  create_time: ['[2026-01-01T00:00:00Z TO *]'],
};

/** What fits behind the given text: variables everywhere, values behind a field, fields and operators elsewhere. */
export function suggest(before: string, variables: string[]): Suggestion[] {
  const own = variables.map((name): Suggestion => ({ label: `$${name}`, insert: `$${name}`, kind: 'variable', detail: 'Dashboard variable' }));
  if (insideQuotes(before)) {
    return own;
  }
  const [, field] = /([a-z_]+):\(?[^\s()"]*$/.exec(before) ?? [];
  if (field) {
    const values = (VALUES[field] ?? []).map((value): Suggestion => ({ label: value, insert: value, kind: 'value', detail: field }));
    return [...values, ...own];
  }
  const fields = Object.entries(LUCENE_FIELDS).map(([name, detail]): Suggestion => ({ label: name, insert: `${name}:`, kind: 'field', detail }));
  const operators = Object.entries(OPERATORS).map(([name, detail]): Suggestion => ({ label: name, insert: `${name} `, kind: 'operator', detail }));
  return [...fields, ...operators, ...own];
}

/** How many characters before the cursor a suggestion replaces. */
export function prefixLength(before: string): number {
  return (/[\w$.]*$/.exec(before)?.[0] ?? '').length;
}

function insideQuotes(text: string): boolean {
  return (text.replace(/\\[^]/g, '').match(/"/g)?.length ?? 0) % 2 === 1;
}

import type { FilterField, FlagField, ListField } from '../types';

interface FieldInfo {
  label: string;
  hint: string;
  /** Offered as choices; any other value can be typed. */
  known?: readonly string[];
  placeholder?: string;
}

// The vocabulary of pkg/auditlog's catalog; a test compares the two.
export const CATEGORIES = (
  'api_key authentication connector data_forwarder device file grant intel live_response notification other ' +
  'policy reputation role user'
).split(' ');
export const ACTIONS = (
  'approve ban bypass create create_external delete disable elevate enable login quarantine read regenerate register reject reset ' +
  'revert uninstall unknown update'
).split(' ');
export const OUTCOMES = 'failure success unknown'.split(' ');

export const LIST_FIELDS: Record<ListField, FieldInfo> = {
  actor: { label: 'Actor', hint: 'Who did it: an e-mail address, an API ID or a device name', placeholder: 'jane@example.com' },
  actor_ip: { label: 'Actor IP', hint: 'The address it was done from', placeholder: '203.0.113.7' },
  description: { label: 'Description', hint: 'Words of the event text, next to each other; case does not matter', placeholder: 'logged in' },
  category: { label: 'Category', hint: 'What the event is about, derived from its description', known: CATEGORIES },
  action: { label: 'Action', hint: 'What was done, derived from the description', known: ACTIONS },
  outcome: { label: 'Outcome', hint: 'How it ended, derived from the description', known: OUTCOMES },
  request_url: { label: 'Request URL', hint: 'The path of the API call behind the event', placeholder: '/access/v2/orgs' },
};

export const FLAG_FIELDS: Record<FlagField, FieldInfo> = {
  flagged: { label: 'Flagged', hint: 'Marked by Carbon Black Cloud, mostly failed actions' },
  verbose: { label: 'Verbose', hint: 'Detail entries that the console hides by default' },
};

export const ALL_FIELDS: Record<FilterField, FieldInfo> = { ...LIST_FIELDS, ...FLAG_FIELDS };

export const FIELD_NAMES = Object.keys(ALL_FIELDS) as FilterField[];

export function isFlagField(name: string): name is FlagField {
  return name in FLAG_FIELDS;
}

export function isListField(name: string): name is ListField {
  return name in LIST_FIELDS;
}

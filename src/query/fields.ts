import { queryStrings } from '../strings/query';
import type { FilterField, FlagField, ListField } from '../types';

interface FieldInfo {
  label: string;
  hint: string;
  /** Offered as choices; any other value can be typed. */
  known?: readonly string[];
  placeholder?: string;
}

// The words of the catalog, see pkg/catalog/catalog.tsv; a test compares the two.
export const CATEGORIES = (
  'api_key authentication connector data_forwarder device file grant intel live_response notification other ' +
  'policy reputation role user'
).split(' ');
export const ACTIONS = (
  'approve ban bypass create create_external delete disable elevate enable login quarantine read regenerate register reject reset ' +
  'revert uninstall unknown update'
).split(' ');
export const OUTCOMES = 'failure success unknown'.split(' ');
const SEVERITIES = 'critical error warning info'.split(' ');

const { fields } = queryStrings;

export const LIST_FIELDS: Record<ListField, FieldInfo> = {
  account: fields.account,
  address: fields.address,
  category: { ...fields.category, known: CATEGORIES },
  action: { ...fields.action, known: ACTIONS },
  outcome: { ...fields.outcome, known: OUTCOMES },
  severity: { ...fields.severity, known: SEVERITIES },
  code: fields.code,
  target: fields.target,
  target_type: fields.target_type,
  actor: fields.actor,
  actor_ip: fields.actor_ip,
  description: fields.description,
  request_url: fields.request_url,
};

export const FLAG_FIELDS: Record<FlagField, FieldInfo> = { flagged: fields.flagged, verbose: fields.verbose };

export const ALL_FIELDS: Record<FilterField, FieldInfo> = { ...LIST_FIELDS, ...FLAG_FIELDS };

/** Fields whose values a filter compares letter by letter. */
export const EXACT_FIELDS: FilterField[] = ['actor', 'actor_ip', 'code', 'target', 'target_type'];

export const FIELD_NAMES = Object.keys(ALL_FIELDS) as FilterField[];

/** The fields as options of a picker. */
export const FIELD_OPTIONS = FIELD_NAMES.map((value) => ({ value, label: ALL_FIELDS[value].label, description: ALL_FIELDS[value].hint }));

export function isFlagField(name: string): name is FlagField {
  return name in FLAG_FIELDS;
}

export function isListField(name: string): name is ListField {
  return name in LIST_FIELDS;
}

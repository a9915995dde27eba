import { labelGroupStrings as texts } from '../strings/query';

const GROUPS: [string, string[]][] = [
  [texts.who, ['account', 'actor']],
  [texts.what, ['category', 'action', 'outcome', 'severity', 'code', 'target', 'target_type', 'description']],
  [texts.where, ['address', 'actor_ip', 'request_url']],
  [texts.history, ['first', 'last', 'count', 'first_seen', 'marks', 'new']],
];

/** Returns the group under which Grafana shows a label in the details of a log line. */
export function labelGroup(label: string): string {
  return GROUPS.find(([, labels]) => labels.includes(label))?.[0] ?? texts.raw;
}

import type { AuditLogQuery, FilterField, QueryType } from '../types';
import { DAY_MS, type MillisecondRange } from '../variables/values';
import { SCHEMA_VERSION, withDefaults } from './defaults';
import { displayText } from './displayText';
import { withoutGrafanaKeys } from './problems';

/** The groups of a rule that was made from a query without any. */
export const ALERT_GROUPS: FilterField[] = ['account', 'address'];

const IN_RULES: QueryType[] = ['count', 'firstSeen'];
const EXPRESSIONS = '__expr__';
const MIN_SECONDS = 60;
const HOUR_MS = 3_600_000;

/** Returns the query as a rule evaluates it: numbers by group. */
export function alertQuery(query: AuditLogQuery): AuditLogQuery {
  const { queryType, groupBy } = withDefaults(query);
  const { format: _format, sort: _sort, limit: _limit, variableError: _error, ...shared } = withoutGrafanaKeys(query);
  if (IN_RULES.includes(queryType)) {
    return { ...shared, refId: 'A', schemaVersion: SCHEMA_VERSION };
  }
  return { ...shared, refId: 'A', schemaVersion: SCHEMA_VERSION, queryType: 'count', groupBy: groupBy.length > 0 ? groupBy : ALERT_GROUPS };
}

/** Returns the address of Grafana's form for an alert rule, filled with a query and a threshold above 0. */
export function alertFormUrl(query: AuditLogQuery, uid: string, range?: MillisecondRange, appSubUrl = ''): string {
  const model = alertQuery(query);
  const length = Math.min(range ? range.to - range.from : HOUR_MS, DAY_MS);
  const threshold = {
    refId: 'C',
    type: 'threshold',
    expression: 'A',
    datasource: { uid: EXPRESSIONS, type: EXPRESSIONS },
    conditions: [{ type: 'query', evaluator: { params: [0], type: 'gt' }, operator: { type: 'and' }, query: { params: ['A'] }, reducer: { params: [], type: 'last' } }],
  };
  const defaults = {
    type: 'grafana',
    name: displayText(model),
    condition: 'C',
    noDataState: 'OK',
    execErrState: 'KeepLast',
    queries: [
      { refId: 'A', datasourceUid: uid, queryType: '', relativeTimeRange: { from: Math.max(Math.ceil(length / 1000), MIN_SECONDS), to: 0 }, model },
      { refId: 'C', datasourceUid: EXPRESSIONS, queryType: 'expression', model: threshold },
    ],
  };
  return `${appSubUrl}/alerting/new?defaults=${encodeURIComponent(JSON.stringify(defaults))}`;
}

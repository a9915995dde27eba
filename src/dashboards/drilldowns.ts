import type { AdHocVariableFilter, DataQueryRequest, DrilldownRecommendation, MetricFindValue } from '@grafana/data';
import { isPluginQuery, withDefaults } from '../query/defaults';
import { ALL_FIELDS, FIELD_NAMES, isFlagField, isListField } from '../query/fields';
import type { AuditLogQuery, FilterField } from '../types';

/** Returns the fields that a dashboard can group by. */
export function groupByKeys(): MetricFindValue[] {
  return FIELD_NAMES.map((value) => ({ text: ALL_FIELDS[value].label, value }));
}

/** Groups the queries of a request by the fields that a viewer chose for the dashboard. Lists of events have no groups. */
export function applyGroupByKeys(request: DataQueryRequest<AuditLogQuery>): DataQueryRequest<AuditLogQuery> {
  const groupBy = (request.groupByKeys ?? []).filter((key): key is FilterField => isFlagField(key) || isListField(key));
  if (groupBy.length === 0) {
    return request;
  }
  const targets = request.targets.map((query) => (canGroup(query) ? { ...query, groupBy } : query));
  return { ...request, targets };
}

function canGroup(query: AuditLogQuery): boolean {
  const { queryType } = withDefaults(query);
  return queryType !== 'events' && !isPluginQuery(queryType);
}

const RECOMMENDED_FILTERS: AdHocVariableFilter[] = [
  { key: 'outcome', operator: '=', value: 'failure' },
  { key: 'flagged', operator: '=', value: 'true' },
  { key: 'severity', operator: '=|', value: 'warning', values: ['warning', 'error', 'critical'] },
];

const RECOMMENDED_GROUPS: FilterField[] = ['account', 'address', 'category', 'action', 'outcome'];

/** Recommends what investigations usually start with, without what the dashboard has already. */
export function recommendDrilldowns({ filters = [], groupByKeys: groups = [] }: DrilldownRecommendation = {}): DrilldownRecommendation {
  return {
    filters: RECOMMENDED_FILTERS.filter(({ key }) => !filters.some((filter) => filter.key === key)),
    groupByKeys: RECOMMENDED_GROUPS.filter((key) => !groups.includes(key)),
  };
}

import type { AdHocVariableFilter, DrilldownsApplicability } from '@grafana/data';
import { isPluginQuery, withDefaults } from '../query/defaults';
import { FIELD_NAMES, isFlagField, isListField } from '../query/fields';
import { exclude, narrow, narrowFlag, toFlag } from '../query/filters';
import { adhocStrings as texts } from '../strings/query';
import type { AuditLogQuery } from '../types';

/** The operators of Grafana's ad hoc filters that criteria and exclusions can express. */
const INCLUDING = ['=', '=|'];
const EXCLUDING = ['!=', '!=|'];

/** Describes why a filter cannot be applied; nothing when it can. */
export function adhocProblem({ key, operator, ...filter }: AdHocVariableFilter): string | undefined {
  if (!isFlagField(key) && !isListField(key)) {
    return texts.unknownField(key, FIELD_NAMES);
  }
  if (![...INCLUDING, ...EXCLUDING].includes(operator)) {
    return texts.operator(key, operator);
  }
  const isFlag = isFlagField(key) && valuesOf(filter).some((value) => !['true', 'false'].includes(value));
  return isFlag ? texts.flag(key) : undefined;
}

/** Describes why ad hoc filters cannot be applied to a query; nothing when they can. Queries about the plugin have no filters. */
export function adhocProblemOf(query: AuditLogQuery, filters: AdHocVariableFilter[] = []): string | undefined {
  return isPluginQuery(withDefaults(query).queryType) ? undefined : filters.map(adhocProblem).find(Boolean);
}

/** Applies ad hoc filters on top of the query's own criteria. What has a problem is left out, see adhocProblemOf. */
export function applyAdhocFilters(query: AuditLogQuery, filters: AdHocVariableFilter[] = []): AuditLogQuery {
  if (isPluginQuery(withDefaults(query).queryType)) {
    return query;
  }
  return filters.filter((filter) => !adhocProblem(filter)).reduce(applyFilter, query);
}

function applyFilter(query: AuditLogQuery, { key, operator, ...filter }: AdHocVariableFilter): AuditLogQuery {
  const values = valuesOf(filter);
  if (values.length === 0) {
    return query;
  }
  if (isListField(key)) {
    return INCLUDING.includes(operator) ? narrow(query, key, values) : exclude(query, key, values);
  }
  const flags = values.map((value) => toFlag(value) === INCLUDING.includes(operator));
  // Both states as alternatives are no condition; both states excluded leave no event.
  const isUnconditional = INCLUDING.includes(operator) && new Set(flags).size > 1;
  return isFlagField(key) && !isUnconditional ? flags.reduce((narrowed, flag) => narrowFlag(narrowed, key, flag), query) : query;
}

/** Tells Grafana which filters apply to the queries of this data source, with the reason for those that do not. */
export function applicabilityOf(filters: AdHocVariableFilter[] = []): DrilldownsApplicability[] {
  return filters.map((filter) => {
    const reason = adhocProblem(filter);
    return { key: filter.key, applicable: !reason, reason, origin: filter.origin };
  });
}

function valuesOf({ value, values }: Pick<AdHocVariableFilter, 'value' | 'values'>): string[] {
  return values && values.length > 0 ? values : [value];
}

import type { AuditLogQuery, FilterField, Filters, FlagField, ListField } from '../types';
import { isFlagField, isListField } from './fields';
import { commonAddresses } from './prefixes';

// Changes to the criteria and exclusions of a query. A query whose criteria and exclusions share a value matches nothing: that
// is how a change says "no event" where leaving a field out would say "every event".

/** Reports whether a value is exactly what a query filters for in a field. */
export function hasFilter({ criteria }: AuditLogQuery, field: string, value: string): boolean {
  if (isFlagField(field)) {
    return criteria?.[field] === toFlag(value);
  }
  const values = isListField(field) ? criteria?.[field] : undefined;
  return values?.length === 1 && values[0] === value;
}

/** Adds a filter for one value, or removes it where it is the filter already. Other fields give no filter. */
export function toggleFilterFor(query: AuditLogQuery, field: string, value: string): AuditLogQuery {
  const { criteria = {}, exclusions = {} } = query;
  if (hasFilter(query, field, value)) {
    return withFilters(query, withoutField(criteria, field as FilterField), exclusions);
  }
  if (isFlagField(field)) {
    return withFilters(query, { ...criteria, [field]: toFlag(value) }, withoutField(exclusions, field));
  }
  return isListField(field) ? withFilters(query, { ...criteria, [field]: [value] }, removeValue(exclusions, field, value)) : query;
}

/** Excludes one value, or includes it again where it is excluded already. Other fields give no filter. */
export function toggleFilterOut(query: AuditLogQuery, field: string, value: string): AuditLogQuery {
  const { criteria = {}, exclusions = {} } = query;
  if (isFlagField(field)) {
    return hasFilter(query, field, String(!toFlag(value)))
      ? withFilters(query, withoutField(criteria, field), exclusions)
      : withFilters(query, { ...criteria, [field]: !toFlag(value) }, withoutField(exclusions, field));
  }
  if (!isListField(field)) {
    return query;
  }
  const excluded = exclusions[field] ?? [];
  if (excluded.includes(value)) {
    return withFilters(query, criteria, removeValue(exclusions, field, value));
  }
  // The last wanted value stays beside its exclusion: without it the query would match every value.
  const isLast = criteria[field]?.length === 1;
  return withFilters(query, isLast ? criteria : removeValue(criteria, field, value), { ...exclusions, [field]: [...excluded, value] });
}

/** Narrows a query to the values of a field, on top of its own criteria. */
export function narrow(query: AuditLogQuery, field: ListField, values: string[]): AuditLogQuery {
  const { criteria = {}, exclusions = {} } = query;
  const own = criteria[field] ?? [];
  const common = own.length > 0 ? commonValues(field, own, values) : values;
  if (common.length > 0) {
    return withFilters(query, { ...criteria, [field]: common }, exclusions);
  }
  const impossible = { ...exclusions, [field]: [...new Set([...(exclusions[field] ?? []), ...values])] };
  return withFilters(query, { ...criteria, [field]: values }, impossible);
}

/** Returns the values that select what both lists select. Addresses may lie in networks, and the case of mail addresses does not matter. */
function commonValues(field: ListField, own: string[], values: string[]): string[] {
  if (field === 'address') {
    return commonAddresses(own, values);
  }
  const canonical = field === 'account' ? accountOf : (value: string) => value;
  const wanted = own.map(canonical);
  return values.filter((value) => wanted.includes(canonical(value)));
}

function accountOf(actor: string): string {
  const account = actor.trim();
  return /^\S+@\S+$/.test(account) ? account.toLowerCase() : account;
}

/** Narrows a query to one state of a flag, on top of its own criteria. */
export function narrowFlag(query: AuditLogQuery, field: FlagField, value: boolean): AuditLogQuery {
  const { criteria = {}, exclusions = {} } = query;
  const contradicts = criteria[field] === !value;
  return withFilters(query, { ...criteria, [field]: value }, contradicts ? { ...exclusions, [field]: value } : exclusions);
}

/** Excludes values of a field, on top of the query's own exclusions. */
export function exclude(query: AuditLogQuery, field: ListField, values: string[]): AuditLogQuery {
  const { criteria = {}, exclusions = {} } = query;
  return withFilters(query, criteria, { ...exclusions, [field]: [...new Set([...(exclusions[field] ?? []), ...values])] });
}

export function toFlag(value: string): boolean {
  return value === 'true';
}

/** Returns filters without those of a field. */
export function withoutField(filters: Filters, field: FilterField): Filters {
  const { [field]: _, ...rest } = filters;
  return rest;
}

function removeValue(filters: Filters, field: ListField, value: string): Filters {
  const kept = filters[field]?.filter((other) => other !== value) ?? [];
  return kept.length > 0 ? { ...filters, [field]: kept } : withoutField(filters, field);
}

function withFilters({ criteria: _criteria, exclusions: _exclusions, ...query }: AuditLogQuery, criteria: Filters, exclusions: Filters): AuditLogQuery {
  return { ...query, ...(!isEmpty(criteria) && { criteria }), ...(!isEmpty(exclusions) && { exclusions }) };
}

function isEmpty(filters: Filters): boolean {
  return Object.keys(filters).length === 0;
}

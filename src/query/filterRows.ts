import type { AuditLogQuery, FilterField, Filters } from '../types';
import { FIELD_NAMES, isFlagField } from './fields';

export type Side = 'criteria' | 'exclusions';

/** One row of the filter editor: a field of the criteria or of the exclusions. */
export interface FilterRow {
  side: Side;
  field: FilterField;
  value: string[] | boolean;
}

export function toRows({ criteria, exclusions }: Pick<AuditLogQuery, Side>): FilterRow[] {
  const rowsOf = (side: Side, filters: Filters = {}) =>
    Object.entries(filters).map(([field, value]) => ({ side, field: field as FilterField, value }));
  return [...rowsOf('criteria', criteria), ...rowsOf('exclusions', exclusions)];
}

export function fromRows(rows: FilterRow[]): Pick<AuditLogQuery, Side> {
  const filtersOf = (side: Side) => {
    const own = rows.filter((row) => row.side === side);
    return own.length > 0 ? (Object.fromEntries(own.map(({ field, value }) => [field, value])) as Filters) : undefined;
  };
  return { criteria: filtersOf('criteria'), exclusions: filtersOf('exclusions') };
}

/** Returns the fields that a side does not use yet. A field has one row per side, with its values as alternatives. */
export function freeFields(rows: FilterRow[], side: Side): FilterField[] {
  const taken = rows.filter((row) => row.side === side).map(({ field }) => field);
  return FIELD_NAMES.filter((field) => !taken.includes(field));
}

/** Returns the row that "Add filter" adds; nothing when both sides use every field. */
export function nextRow(rows: FilterRow[]): FilterRow | undefined {
  for (const side of ['criteria', 'exclusions'] as const) {
    const [field] = freeFields(rows, side);
    if (field) {
      return { side, field, value: emptyValue(field) };
    }
  }
  return undefined;
}

/** Changes the field of a row. A list starts empty and a flag at yes; values carry over only between two lists. */
export function withField(row: FilterRow, field: FilterField): FilterRow {
  const keeps = Array.isArray(row.value) && !isFlagField(field);
  return { ...row, field, value: keeps ? row.value : emptyValue(field) };
}

function emptyValue(field: FilterField): string[] | boolean {
  return isFlagField(field) ? true : [];
}

/** Names a row: a side has at most one row of a field. */
export function keyOf({ side, field }: FilterRow): string {
  return `${side}.${field}`;
}

/** Returns the rows in an order of keys; rows that it does not name come last. */
export function sortRows(rows: FilterRow[], order: string[]): FilterRow[] {
  const place = (row: FilterRow) => (order.includes(keyOf(row)) ? order.indexOf(keyOf(row)) : order.length);
  return rows.toSorted((left, right) => place(left) - place(right));
}

/** Returns the state of a flag that a row asks for: to exclude one state is to ask for the other. */
export function flagOf({ side, value }: FilterRow): boolean {
  return (side === 'criteria') === (value === true);
}

/** Returns the row that asks for a state of a flag, on the row's own side. */
export function withFlag(row: FilterRow, wanted: boolean): FilterRow {
  return { ...row, value: row.side === 'criteria' ? wanted : !wanted };
}

import type { DataQuery } from '@grafana/schema';
import { queryProblems } from '../strings/query';
import type { AuditLogQuery, FilterField } from '../types';

export const DAY_MS = 24 * 3_600_000;

/** A time range in milliseconds, without its end. */
export interface MillisecondRange {
  from: number;
  to: number;
}

/** The events among which values are counted. It may use other variables. */
export type ValuesFilter = Pick<AuditLogQuery, 'query' | 'criteria' | 'exclusions'>;

/** The query of a dashboard variable: the values of a field in the dashboard's time range. */
export interface ValuesQuery extends DataQuery, ValuesFilter {
  field?: FilterField;
  /** What the values begin with; case does not matter. */
  prefix?: string;
}

/** The values of a field and the number of events that have them, most frequent first. */
export interface FieldValues {
  values: { value: string; count: number }[];
  /** False when there may be more values, or the counts cover only the events that were read. */
  complete: boolean;
}

/** The field of a stored query that names none. */
export const DEFAULT_VALUES_FIELD: FilterField = 'actor';

/** Returns a refused request as an error with the backend's own message, if it sent one. */
export function toError(failure: unknown): Error {
  if (typeof failure === 'object' && failure && 'data' in failure) {
    const { data } = failure;
    if (typeof data === 'object' && data && 'error' in data && typeof data.error === 'string') {
      return new Error(data.error);
    }
  }
  return failure instanceof Error ? failure : new Error(queryProblems.valuesFailed);
}

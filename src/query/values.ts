import type { DataSourceWithBackend } from '@grafana/runtime';
import type { AuditLogQuery, FilterField, Filters } from '../types';
import { type FieldValues, type MillisecondRange, toError } from '../variables/values';
import { withoutField } from './filters';

/** The values that a picker or a variable asks for. */
export interface ValuesRequest {
  field: FilterField;
  range: MillisecondRange;
  /** What the values begin with; case does not matter. */
  prefix?: string;
}

/** The values of a field among the events that the other conditions of a query find. */
export interface SuggestionRequest extends ValuesRequest {
  query: AuditLogQuery;
  /** A request cancels an earlier one with the same id. */
  requestId: string;
}

type Resources = Pick<DataSourceWithBackend, 'getResource' | 'postResource'>;

/** Returns the values of a field in a time range, most frequent first, at most 1,000. It never reads the queue. */
export async function readValues(resources: Resources, { field, range, prefix = '' }: ValuesRequest): Promise<FieldValues> {
  try {
    return await resources.getResource<FieldValues>('values', { field, ...range, prefix }, { showErrorAlert: false });
  } catch (failure) {
    throw toError(failure);
  }
}

/** Returns the values to suggest for a field of a query whose variables are filled in. */
export async function readSuggestions(resources: Resources, { field, range, prefix = '', query, requestId }: SuggestionRequest): Promise<FieldValues> {
  const others = (filters: Filters = {}) => withoutField(filters, field);
  const body = { field, ...range, prefix, query: query.query ?? '', criteria: others(query.criteria), exclusions: others(query.exclusions) };
  try {
    return await resources.postResource<FieldValues>('values', body, { showErrorAlert: false, requestId });
  } catch (failure) {
    if (isCancelled(failure)) {
      return { values: [], complete: false };
    }
    throw toError(failure);
  }
}

/** Reports whether a later request with the same id took the place of this one, so that nobody waits for its answer. */
export function isCancelled(failure: unknown): boolean {
  return typeof failure === 'object' && failure !== null && 'cancelled' in failure && failure.cancelled === true;
}

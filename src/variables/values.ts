import type { DataQuery } from '@grafana/schema';
import type { FilterField } from '../types';

/** What a dashboard variable asks for: the values of a field, in the time range of the dashboard. */
export interface ValuesQuery extends DataQuery {
  field?: FilterField;
  /** What the values begin with, in upper or lower case. */
  prefix?: string;
}

/** The values of a field with the number of events that have them, most frequent first. */
export interface FieldValues {
  values: { value: string; count: number }[];
  /** False when there may be more, or the numbers are those of the events that were read. */
  complete: boolean;
}

export const DEFAULT_VALUES_FIELD: FilterField = 'actor';

/** The words of a refused request: the plugin's own, if it sent some. */
export function inWords(failure: unknown): Error {
  if (typeof failure === 'object' && failure && 'data' in failure) {
    const { data } = failure;
    if (typeof data === 'object' && data && 'error' in data && typeof data.error === 'string') {
      return new Error(data.error);
    }
  }
  return failure instanceof Error ? failure : new Error('The values could not be read');
}

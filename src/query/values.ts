import type { DataSourceWithBackend } from '@grafana/runtime';
import type { FilterField } from '../types';
import { type FieldValues, type MillisecondRange, toError } from '../variables/values';

/** The values that a picker or a variable asks for. */
export interface ValuesRequest {
  field: FilterField;
  range: MillisecondRange;
  /** What the values begin with; case does not matter. */
  prefix?: string;
  /** A request cancels an earlier one with the same id. */
  requestId?: string;
}

type GetResource = DataSourceWithBackend['getResource'];

/** Returns the values of a field in a time range, most frequent first, at most 1,000. It never reads the queue. */
export async function readValues(getResource: GetResource, { field, range, prefix = '', requestId }: ValuesRequest): Promise<FieldValues> {
  try {
    return await getResource<FieldValues>('values', { field, ...range, prefix }, { showErrorAlert: false, requestId });
  } catch (failure) {
    if (isCancelled(failure)) {
      return { values: [], complete: false };
    }
    throw toError(failure);
  }
}

/** Reports whether a later request with the same id took the place of this one, so that nobody waits for its answer. */
function isCancelled(failure: unknown): boolean {
  return typeof failure === 'object' && failure !== null && 'cancelled' in failure && failure.cancelled === true;
}

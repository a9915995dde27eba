import { createContext } from 'react';
import type { FilterField } from '../types';
import type { FieldValues } from '../variables/values';

/** Reads the values of a field that begin with a string, in the editor's time range. A picker's own request cancels its earlier one. */
export type ReadValues = (field: FilterField, prefix: string, requestId: string) => Promise<FieldValues>;

/** Reads the values that a filter suggests; nothing where there is nothing to read them from. */
export const Suggest = createContext<ReadValues | undefined>(undefined);

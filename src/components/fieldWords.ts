import { createContext } from 'react';
import type { FilterField } from '../types';

/** The words that a data source's catalog rules add to the choices of a field. */
export const FieldWords = createContext<Partial<Record<FilterField, string[]>> | undefined>(undefined);

import { createContext } from 'react';
import type { FilterField } from '../types';

/** Words that a data source's own rules add to the choices for a field. */
export const FieldWords = createContext<Partial<Record<FilterField, string[]>> | undefined>(undefined);

import { createContext, useContext } from 'react';

/** The ids of the elements that describe the control inside a field: its hint, and its error or note. */
export const DescribedBy = createContext<string | undefined>(undefined);

/** Returns the value of aria-describedby for a control inside an EditorField. */
export function useDescribedBy(): string | undefined {
  return useContext(DescribedBy);
}

import type { DataSourceConfigValidationAPI } from '@grafana/data';
import { createContext, useContext, useEffect, useMemo, useRef } from 'react';

type Report = (field: string, problem: string | undefined) => void;

/** Collects what is wrong with the settings. */
export const ProblemContext = createContext<Report>(() => undefined);

/**
 * Keeps wrong values from being saved. Grafana asks before it saves since 13.0; earlier versions do not, so fields must not write
 * wrong values either.
 */
export function useProblems(validation: DataSourceConfigValidationAPI | undefined): Report {
  const problems = useRef(new Map<string, string>());
  useEffect(() => validation?.registerValidation?.(() => problems.current.size === 0), [validation]);
  return useMemo(
    () => (field, problem) => {
      if (problem) {
        problems.current.set(field, problem);
        validation?.setError?.(field, problem);
      } else if (problems.current.delete(field)) {
        validation?.clearError?.(field);
      }
    },
    [validation]
  );
}

/** Reports what is wrong with a field, until it disappears. */
export function useProblem(field: string, problem: string | undefined) {
  const report = useContext(ProblemContext);
  useEffect(() => {
    report(field, problem);
    return () => report(field, undefined);
  }, [report, field, problem]);
}

import { useSyncExternalStore } from 'react';

/** One check of Save & test, as pkg/plugin returns it in the details. */
export interface HealthStep {
  name: string;
  title: string;
  status: 'ok' | 'warning' | 'failed' | 'skipped';
  message: string;
  remedy?: string;
}

const lastSteps = new Map<string, HealthStep[]>();
const listeners = new Set<() => void>();

/** Keeps the steps of a test for the config page, which Grafana does not tell about it. */
export function publishSteps<T extends { details?: unknown }>(uid: string, result: T): T {
  const { steps } = (result.details ?? {}) as { steps?: HealthStep[] };
  if (Array.isArray(steps)) {
    lastSteps.set(uid, steps);
    listeners.forEach((listener) => listener());
  }
  return result;
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Returns the steps of the last test of a data source. */
export function useHealthSteps(uid: string): HealthStep[] | undefined {
  return useSyncExternalStore(subscribe, () => lastSteps.get(uid));
}

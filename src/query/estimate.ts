import type { DataSourceWithBackend } from '@grafana/runtime';
import type { AuditLogQuery } from '../types';
import type { MillisecondRange } from '../variables/values';
import { withoutGrafanaKeys } from './problems';

/** What a query would cost. */
export interface Estimate {
  /** The expected number of requests to Carbon Black Cloud. */
  calls: number;
  /** How the query would be answered, in words. */
  plan: string;
}

/** Estimates the cost of a query whose variables are filled in. Nothing is sent to Carbon Black Cloud. */
export async function readEstimate(
  resources: Pick<DataSourceWithBackend, 'postResource'>,
  query: AuditLogQuery,
  { from, to }: MillisecondRange,
  requestId: string
): Promise<Estimate> {
  return resources.postResource<Estimate>('estimate', { query: withoutGrafanaKeys(query), from, to }, { showErrorAlert: false, requestId });
}

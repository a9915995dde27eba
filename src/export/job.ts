import type { AuditLogQuery } from '../types';

export type ExportFormat = 'csv' | 'json';

/** One export, as the routes of the data source describe it. */
export interface ExportJob {
  id: string;
  /** CREATED, IN_PROGRESS, COMPLETED, FAILED or EXPIRED; any other status means that it is running. */
  status: string;
  /** Unknown for a job that was started elsewhere. */
  format?: ExportFormat;
  /** Milliseconds since 1970; 0 when unknown. */
  createdAt: number;
  /** Rows; unknown until the job reports them. */
  total?: number;
  completed?: number;
  error?: string;
  /** How the file is created: by a job of Carbon Black Cloud, or by searches while it is downloaded. */
  kind?: string;
  /** Why it is created by searches. */
  reason?: string;
  message?: string;
  /** The time range in milliseconds, without its end. */
  from?: number;
  to?: number;
  /** Unknown for a job that was started elsewhere. */
  query?: AuditLogQuery;
  who?: string;
}

/** What starts an export. */
export interface ExportRequest {
  query: AuditLogQuery;
  from: number;
  to: number;
  format: ExportFormat;
}

/** Reads one export of a response. A job without an id cannot be requested, so it is left out. */
export function readJob(raw: unknown): ExportJob | undefined {
  const value = asRecord(raw);
  const id = textOf(value.id);
  if (!id) {
    return undefined;
  }
  return {
    id,
    status: textOf(value.status)?.toUpperCase() ?? '',
    format: value.format === 'json' || value.format === 'csv' ? value.format : undefined,
    createdAt: timeOf(value.createdAt) ?? 0,
    total: countOf(value.total),
    completed: countOf(value.completed),
    error: textOf(value.error),
    kind: textOf(value.kind),
    reason: textOf(value.reason),
    message: textOf(value.message),
    from: timeOf(value.from),
    to: timeOf(value.to),
    query: value.query && typeof value.query === 'object' ? (value.query as AuditLogQuery) : undefined,
    who: textOf(value.who),
  };
}

export function isReady({ status }: ExportJob): boolean {
  return status === 'COMPLETED';
}

export function hasFailed({ status }: ExportJob): boolean {
  return ['FAILED', 'EXPIRED'].includes(status);
}

export function isRunning(job: ExportJob): boolean {
  return !isReady(job) && !hasFailed(job);
}

/** Sorts newest first; exports with the same time keep their order. */
export function byAge(jobs: ExportJob[]): ExportJob[] {
  return jobs.toSorted((a, b) => b.createdAt - a.createdAt);
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Returns milliseconds since 1970 for a number of them or a time string. */
export function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : value;
  return typeof time === 'number' && Number.isFinite(time) && time > 0 ? time : undefined;
}

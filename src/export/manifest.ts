import { exportStrings as texts } from '../strings/exports';
import { asRecord, countOf, textOf } from './job';

/** What proves an export: what the file contains, and whether that is everything. */
export interface Manifest {
  /** Of the file as it is downloaded with the same options. */
  sha256?: string;
  rows?: number;
  bytes?: number;
  /** Events that Carbon Black Cloud returned, before the filters that only this plugin evaluates. */
  received?: number;
  /** Events that Carbon Black Cloud counted for the same search when the export started. */
  counted?: number;
  complete?: boolean;
  /** Why it is complete or not. */
  note?: string;
  /** The id of the job in Carbon Black Cloud. */
  job?: string;
}

export function readManifest(raw: unknown): Manifest {
  const value = asRecord(raw);
  return {
    sha256: textOf(value.sha256),
    rows: countOf(value.rows),
    bytes: countOf(value.bytes),
    received: countOf(value.received),
    counted: countOf(value.count),
    complete: typeof value.complete === 'boolean' ? value.complete : undefined,
    note: textOf(value.note),
    job: textOf(value.job),
  };
}

/** Describes whether the file is complete. A file is not called complete unless the manifest says so. */
export function verdict({ rows, received = rows, counted, complete }: Manifest): string {
  if (complete === undefined) {
    return texts.unknownVerdict;
  }
  const counts = received !== undefined && counted !== undefined ? texts.counts(received, counted) : '';
  return texts.verdict(complete, counts);
}

import { asRecord, countOf, textOf } from './job';

/** What proves an export: what the file holds, and whether that is all. */
export interface Manifest {
  /** Of the file as it is downloaded with the same switch for formula cells. */
  sha256?: string;
  rows?: number;
  bytes?: number;
  /** Events that Carbon Black Cloud gave, before the part of the filter that only this plugin decides. */
  received?: number;
  /** Events that Carbon Black Cloud counted for the same search when the export was started. */
  counted?: number;
  complete?: boolean;
  /** The verdict in words. */
  note?: string;
  /** Of the job in Carbon Black Cloud. */
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

/** Whether the file is whole, in short. What the manifest leaves open is not called whole. */
export function verdict({ rows, received = rows, counted, complete }: Manifest): string {
  if (complete === undefined) {
    return 'Not known';
  }
  const numbers = received !== undefined && counted !== undefined ? `: ${number(received)} of ${number(counted)} rows` : '';
  return `${complete ? 'Complete' : 'Not shown to be complete'}${numbers}`;
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}

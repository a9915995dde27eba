import { config, getBackendSrv, isFetchError } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { asRecord, readJob, textOf, type ExportJob, type ExportRequest } from './job';
import { readManifest, type Manifest } from './manifest';

/** What went wrong with a call, in the words of whoever said it. */
export class ExportError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when there was no answer. */
    readonly status: number
  ) {
    super(message);
  }
}

/** The exports that a data source knows of. */
export interface Listing {
  jobs: ExportJob[];
  /** What may be missing, in words. */
  message?: string;
}

/** The export routes of one data source. Every method throws ExportError. */
export interface ExportApi {
  list(): Promise<Listing>;
  start(request: ExportRequest): Promise<ExportJob>;
  status(id: string): Promise<ExportJob>;
  forget(id: string): Promise<void>;
  manifest(id: string, safe: boolean): Promise<Manifest>;
}

export function exportApi(uid: string): ExportApi {
  const call = (method: string, path: string, data?: unknown) => send(method, `${resources(uid)}/${path}`, data);
  return {
    list: async () => readList(await call('GET', 'exports')),
    start: async (request) => expectJob(await call('POST', 'exports', request)),
    status: async (id) => expectJob(await call('GET', pathOf(id))),
    forget: async (id) => {
      await call('DELETE', pathOf(id));
    },
    manifest: async (id, safe) => readManifest(await call('GET', `${pathOf(id)}/manifest?safe=${safe}`)),
  };
}

/** Where a browser saves the file from, as a plain link: the file never passes through this page's memory. */
export function downloadUrl(uid: string, id: string, safe: boolean): string {
  return link(uid, `${pathOf(id)}/download?safe=${safe}`);
}

export function manifestUrl(uid: string, id: string, safe: boolean): string {
  return link(uid, `${pathOf(id)}/manifest?safe=${safe}`);
}

function link(uid: string, path: string): string {
  return `${config.appSubUrl ?? ''}${resources(uid)}/${path}`;
}

function resources(uid: string): string {
  return `/api/datasources/uid/${encodeURIComponent(uid)}/resources`;
}

function pathOf(id: string): string {
  return `exports/${encodeURIComponent(id)}`;
}

async function send(method: string, url: string, data?: unknown): Promise<unknown> {
  try {
    // The panel tells errors itself, where they belong; Grafana would add a toast.
    const response = await lastValueFrom(getBackendSrv().fetch({ method, url, data, showErrorAlert: false, showSuccessAlert: false }));
    return response.data;
  } catch (error) {
    throw toExportError(error);
  }
}

function toExportError(error: unknown): ExportError {
  if (isFetchError(error)) {
    const { error: words, message } = asRecord(error.data);
    const said = textOf(words) ?? textOf(message) ?? textOf(error.statusText);
    return new ExportError(said ?? 'Grafana did not answer. Check the connection and try again.', error.status);
  }
  return new ExportError(error instanceof Error ? error.message : String(error), 0);
}

function readList(raw: unknown): Listing {
  const { exports, message } = Array.isArray(raw) ? { exports: raw, message: undefined } : asRecord(raw);
  return { jobs: (Array.isArray(exports) ? exports : []).flatMap((item) => readJob(item) ?? []), message: textOf(message) };
}

function expectJob(raw: unknown): ExportJob {
  const job = readJob(raw);
  if (!job) {
    throw new ExportError('The answer does not say which export it is about.', 0);
  }
  return job;
}

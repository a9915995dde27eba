import { config, getBackendSrv, isFetchError } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { exportStrings } from '../strings/exports';
import { asRecord, readJob, textOf, type ExportJob, type ExportRequest } from './job';
import { readManifest, type Manifest } from './manifest';

/** A failed call, with the message of the backend or of Grafana. */
export class ExportError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 without a response. */
    readonly status: number
  ) {
    super(message);
  }
}

/** The exports of a data source. */
export interface Listing {
  jobs: ExportJob[];
  /** What may be missing from the list. */
  message?: string;
}

/** How a file is written when it is downloaded. */
export interface FileOptions {
  /** CSV cells that a spreadsheet would run as a formula start with an apostrophe. */
  safe: boolean;
  /** A CSV file starts with a byte order mark, by which Excel recognizes UTF-8. */
  excel: boolean;
}

/** The export routes of one data source. Every method throws ExportError. */
export interface ExportApi {
  list(): Promise<Listing>;
  start(request: ExportRequest): Promise<ExportJob>;
  status(id: string): Promise<ExportJob>;
  remove(id: string): Promise<void>;
  manifest(id: string, options: FileOptions): Promise<Manifest>;
}

export function exportApi(uid: string): ExportApi {
  const call = (method: string, path: string, data?: unknown) => send(method, `${resources(uid)}/${path}`, data);
  return {
    list: async () => readList(await call('GET', 'exports')),
    start: async (request) => expectJob(await call('POST', 'exports', request)),
    status: async (id) => expectJob(await call('GET', pathOf(id))),
    remove: async (id) => {
      await call('DELETE', pathOf(id));
    },
    manifest: async (id, options) => readManifest(await call('GET', `${pathOf(id)}/manifest?${parametersOf(options)}`)),
  };
}

/** Returns the link from which a browser saves the file: it never passes through the memory of this page. */
export function downloadUrl(uid: string, id: string, options: FileOptions): string {
  return link(uid, `${pathOf(id)}/download`, options);
}

export function manifestUrl(uid: string, id: string, options: FileOptions): string {
  return link(uid, `${pathOf(id)}/manifest`, options);
}

/**
 * Names the organization: a link has no header that does, and the organization of the session may have been switched in
 * another tab since.
 */
function link(uid: string, path: string, options: FileOptions): string {
  const parameters = parametersOf(options);
  parameters.set('orgId', String(currentOrg()));
  return `${config.appSubUrl ?? ''}${resources(uid)}/${path}?${parameters}`;
}

/** Returns the id of the organization that this page belongs to. */
export function currentOrg(): number {
  return config.bootData.user.orgId;
}

function parametersOf({ safe, excel }: FileOptions): URLSearchParams {
  return new URLSearchParams({ safe: String(safe), ...(excel && { excel: 'true' }) });
}

function resources(uid: string): string {
  return `/api/datasources/uid/${encodeURIComponent(uid)}/resources`;
}

function pathOf(id: string): string {
  return `exports/${encodeURIComponent(id)}`;
}

async function send(method: string, url: string, data?: unknown): Promise<unknown> {
  try {
    // The panel shows errors where they belong; Grafana would add a toast.
    const response = await lastValueFrom(getBackendSrv().fetch({ method, url, data, showErrorAlert: false, showSuccessAlert: false }));
    return response.data;
  } catch (error) {
    throw toExportError(error);
  }
}

function toExportError(error: unknown): ExportError {
  if (isFetchError(error)) {
    const { error: words, message } = asRecord(error.data);
    const text = textOf(words) ?? textOf(message) ?? textOf(error.statusText);
    return new ExportError(text ?? exportStrings.noAnswer, error.status);
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
    throw new ExportError(exportStrings.noId, 0);
  }
  return job;
}

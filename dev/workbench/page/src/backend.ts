import { type BackendSrv, type BackendSrvRequest, type FetchResponse } from '@grafana/runtime';
import { Observable, lastValueFrom, map } from 'rxjs';

/** Sends requests to the workbench like Grafana's own service: any status other than 2xx throws. */
export function createBackend(role: string): BackendSrv {
  const open = async (request: BackendSrvRequest, signal: AbortSignal): Promise<Response> => {
    const url = new URL(request.url, `${window.location.origin}/`);
    for (const [name, value] of Object.entries(request.params ?? {})) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined && item !== null) {
          url.searchParams.append(name, String(item));
        }
      }
    }
    const hasBody = request.data !== undefined && request.data !== null;
    return fetch(url, {
      method: request.method ?? 'GET',
      signal,
      headers: {
        ...(hasBody ? { 'Content-Type': 'application/json' } : {}),
        ...request.headers,
        'X-Workbench-Role': role,
      },
      body: hasBody ? JSON.stringify(request.data) : undefined,
    });
  };

  const describe = <T>(response: Response, data: T, config: BackendSrvRequest): FetchResponse<T> => {
    const { status, statusText, ok, headers, redirected, type, url } = response;
    return { data, status, statusText, ok, headers, redirected, type, url, config };
  };

  /** Unsubscribing aborts the request. */
  const observe = <T>(
    request: BackendSrvRequest,
    read: (response: Response, next: (data: T) => void) => Promise<void>
  ): Observable<FetchResponse<T>> =>
    new Observable((subscriber) => {
      const controller = new AbortController();
      open(request, controller.signal)
        .then(async (response) => {
          if (!response.ok) {
            throw describe(response, await parse(response, 'json'), request);
          }
          await read(response, (data) => subscriber.next(describe(response, data, request)));
          subscriber.complete();
        })
        .catch((error: unknown) => {
          if (!controller.signal.aborted) {
            subscriber.error(error);
          }
        });
      return () => controller.abort();
    });

  const fetchOnce = <T>(request: BackendSrvRequest) =>
    observe<T>(request, async (response, next) => next(await parse(response, request.responseType ?? 'json')));
  const send = <T>(request: BackendSrvRequest) => lastValueFrom(fetchOnce<T>(request).pipe(map(({ data }) => data)));

  return {
    fetch: fetchOnce,
    chunked: (request) =>
      observe<Uint8Array | undefined>(request, async (response, next) => {
        const reader = response.body!.getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          next(part.value);
        }
        next(undefined);
      }),
    request: send,
    datasourceRequest: (request) => lastValueFrom(fetchOnce(request)),
    get: (url, params, requestId, options) => send({ ...options, url, params, requestId, method: 'GET' }),
    delete: (url, data, options) => send({ ...options, url, data, method: 'DELETE' }),
    post: (url, data, options) => send({ ...options, url, data, method: 'POST' }),
    patch: (url, data, options) => send({ ...options, url, data, method: 'PATCH' }),
    put: (url, data, options) => send({ ...options, url, data, method: 'PUT' }),
  };
}

async function parse<T>(response: Response, as: NonNullable<BackendSrvRequest['responseType']>): Promise<T> {
  if (as === 'blob') {
    return (await response.blob()) as T;
  }
  if (as === 'arraybuffer') {
    return (await response.arrayBuffer()) as T;
  }
  const text = await response.text();
  if (as === 'text') {
    return text as T;
  }
  try {
    return text === '' ? (undefined as T) : JSON.parse(text);
  } catch {
    return { message: text } as T;
  }
}

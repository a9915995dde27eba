import { type DataFrameJSON, type DataQueryError, type DataQueryResponse, LoadingState, StreamingDataFrame } from '@grafana/data';
import { type GrafanaLiveSrv, type LiveDataStreamOptions } from '@grafana/runtime';
import { EMPTY, NEVER, Observable } from 'rxjs';

/** Live channels of data sources. Grafana's own service uses a websocket; the workbench sends one line per frame. */
export function createLive(): GrafanaLiveSrv {
  return {
    getConnectionState: () => NEVER,
    getStream: () => EMPTY,
    getDataStream: watch,
    getPresence: () => Promise.reject(new Error('The workbench has no presence')),
    publish: () => Promise.reject(new Error('The workbench does not publish')),
  };
}

function watch({ addr, buffer, key }: LiveDataStreamOptions): Observable<DataQueryResponse> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    let frame: StreamingDataFrame | undefined;
    const take = (line: string) => {
      const packet: DataFrameJSON = JSON.parse(line);
      if (frame) {
        frame.push(packet);
      } else {
        frame = StreamingDataFrame.fromDataFrameJSON(packet, buffer);
      }
      subscriber.next({ key, data: [frame], state: LoadingState.Streaming });
    };
    const fail = (error: DataQueryError) => {
      if (!controller.signal.aborted) {
        subscriber.next({ key, data: frame ? [frame] : [], state: LoadingState.Error, errors: [error] });
      }
    };
    readLines(`/api/live/ds/${addr.stream}/${addr.path}`, addr.data, controller.signal, take).then(
      () => subscriber.complete(),
      (error: Error) => fail({ message: error.message })
    );
    return () => controller.abort();
  });
}

async function readLines(url: string, data: unknown, signal: AbortSignal, take: (line: string) => void) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(data), signal });
  if (!response.ok) {
    throw new Error((await response.json()).message);
  }
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split('\n');
    rest = lines.pop()!;
    lines.forEach(take);
  }
}

import { type DataQueryResponse, type LiveChannelAddress, LiveChannelScope, StreamingFrameAction } from '@grafana/data';
import { getGrafanaLiveSrv } from '@grafana/runtime';
import { merge, type Observable } from 'rxjs';
import { withoutGrafanaKeys } from '../query/problems';
import { queryProblems } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { sha256 } from './sha256';

/** The maximum number of rows that a live view keeps on the screen. */
export const MAX_ROWS = 1000;

/** Describes why a query cannot be followed live; nothing when it can. The backend reports what only it knows. */
export function tailProblem({ queryType }: AuditLogQuery): string | undefined {
  return (queryType || 'events') === 'events' ? undefined : queryProblems.liveNeedsEvents;
}

/**
 * Returns the canonical JSON of a query: the same whatever the order of its keys and whatever Grafana has added. Its hash is
 * the path of the channel, which the backend verifies, so that viewers of one path follow one query.
 */
export function tailText(query: AuditLogQuery): string {
  return JSON.stringify(sorted(withoutGrafanaKeys(query)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

/** Returns the channel on which the events of a query arrive. Its variables must be filled in. */
export function tailAddress(uid: string, query: AuditLogQuery): LiveChannelAddress {
  const text = tailText(query);
  return { scope: LiveChannelScope.DataSource, stream: uid, namespace: uid, path: `tail/${sha256(text)}`, data: { query: text } };
}

/** Follows queries live: rows are appended to one frame per query. */
export function tail(uid: string, queries: AuditLogQuery[]): Observable<DataQueryResponse> {
  const streams = queries.map((query) =>
    getGrafanaLiveSrv().getDataStream({
      addr: tailAddress(uid, query),
      key: `tail-${query.refId}`,
      buffer: { action: StreamingFrameAction.Append, maxLength: MAX_ROWS },
    })
  );
  return merge(...streams);
}

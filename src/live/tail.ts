import { type DataQueryResponse, type LiveChannelAddress, LiveChannelScope, StreamingFrameAction } from '@grafana/data';
import { getGrafanaLiveSrv } from '@grafana/runtime';
import { merge, type Observable } from 'rxjs';
import { GRAFANA_KEYS } from '../query/problems';
import type { AuditLogQuery } from '../types';
import { sha256 } from './sha256';

/** The most rows that a live tail keeps on the screen. */
export const MAX_ROWS = 1000;

/** Why a query has no live tail, in words; nothing when it has one. What only the backend knows, it says itself. */
export function tailProblem({ queryType }: AuditLogQuery): string | undefined {
  return (queryType || 'events') === 'events' ? undefined : 'Only events can be watched live. Choose the shape Events, or leave Live.';
}

/**
 * The text that stands for a query: the same for the same question, whatever the order of its keys and whatever Grafana
 * has added. The channel's path is its hash, which the backend verifies, so that viewers of one path watch one query.
 */
export function tailText(query: AuditLogQuery): string {
  const asked = Object.entries(query).filter(([key]) => !GRAFANA_KEYS.includes(key));
  return JSON.stringify(sorted(Object.fromEntries(asked)));
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

/** Where the events of a query arrive as they happen. The query has no variables any more. */
export function tailAddress(uid: string, query: AuditLogQuery): LiveChannelAddress {
  const text = tailText(query);
  return { scope: LiveChannelScope.DataSource, stream: uid, namespace: uid, path: `tail/${sha256(text)}`, data: { query: text } };
}

/** Watches queries live: each has a frame to which rows are appended. */
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

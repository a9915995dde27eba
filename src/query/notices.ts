import type { DataFrame, DataQueryResponse, QueryResultMetaNotice } from '@grafana/data';

/** A warning that belongs to the answer of one query. */
export interface QueryNotice {
  refId: string;
  text: string;
}

/** Adds each notice to the first frame of its query, or as a frame of its own where the query has none. */
export function addNotices(response: DataQueryResponse, notices: QueryNotice[]): DataQueryResponse {
  const data: DataFrame[] = [...response.data];
  for (const { refId, text } of notices) {
    const index = data.findIndex((frame) => frame.refId === refId);
    const frame = data[index] ?? { refId, fields: [], length: 0 };
    const notice: QueryResultMetaNotice = { severity: 'warning', text };
    const noticed = { ...frame, meta: { ...frame.meta, notices: [...(frame.meta?.notices ?? []), notice] } };
    data.splice(index < 0 ? data.length : index, 1, noticed);
  }
  return { ...response, data };
}

import type { AnnotationEvent, AnnotationSupport, DataFrame, Field } from '@grafana/data';
import { of } from 'rxjs';
import { withDefaults } from '../query/defaults';
import type { AuditLogQuery } from '../types';

type Labels = Record<string, string | undefined>;

/**
 * An annotation is a query for events, edited in Grafana's own editor for annotations. It always searches: opening a dashboard
 * must not read the queue.
 */
export const annotationSupport: AnnotationSupport<AuditLogQuery> = {
  prepareQuery: ({ target }) => target && toSearch(target),
  processEvents: (_, frames) => of(frames.flatMap(annotationsOf)),
};

/** Events come as log lines, whose labels hold everything that an annotation shows. */
function toSearch(target: AuditLogQuery): AuditLogQuery {
  const query: AuditLogQuery = target.source === 'queue' ? { ...target, source: 'search' } : target;
  return withDefaults(query).queryType === 'events' && query.format === 'table' ? { ...query, format: 'logs' } : query;
}

function annotationsOf(frame: DataFrame): AnnotationEvent[] {
  const field = (name: string): Field | undefined => frame.fields.find((candidate) => candidate.name === name);
  const [times, bodies, labels, ids] = ['timestamp', 'body', 'labels', 'id'].map(field);
  if (!times || !labels) {
    return countsOf(frame);
  }
  return Array.from({ length: frame.length }, (_, row) => annotationOf(times.values[row], bodies?.values[row], labels.values[row] ?? {}, ids?.values[row]));
}

function annotationOf(time: number, body: string | undefined, labels: Labels, id: string | undefined): AnnotationEvent {
  const { account, category, action, outcome } = labels;
  const [from, until] = [labels.folded_from, labels.folded_until].map((text) => Date.parse(text ?? ''));
  const isRegion = until > from;
  return {
    id,
    time: isRegion ? from : time,
    title: account ?? labels.actor ?? '',
    text: body ?? '',
    tags: [category, action, outcome].filter((word): word is string => Boolean(word)),
    ...(isRegion && { timeEnd: until, isRegion }),
  };
}

/** Counts over time become one annotation for each point that is not 0. */
function countsOf(frame: DataFrame): AnnotationEvent[] {
  const times = frame.fields.find(({ type }) => type === 'time');
  const counts = frame.fields.filter(({ type }) => type === 'number');
  if (!times) {
    return [];
  }
  return counts.flatMap(({ values, labels = {} }) =>
    times.values.flatMap((time: number, row) => (values[row] ? [{ time, text: String(values[row]), tags: Object.values(labels).filter(Boolean) }] : []))
  );
}

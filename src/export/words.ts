import { dateTimeFormat } from '@grafana/data';
import { conditionsText } from '../query/displayText';
import { exportStrings as texts } from '../strings/exports';
import { isReady, type ExportJob } from './job';

const UNITS: [milliseconds: number, name: string][] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
];

/** Describes how long ago something was. */
export function ageText(from: number, now: number): string {
  const age = now - from;
  for (const [milliseconds, name] of UNITS) {
    const count = Math.floor(age / milliseconds);
    if (count >= 1) {
      return texts.ago(count, name);
    }
  }
  return texts.justNow;
}

/** Returns a time in the viewer's time zone, with its offset: a file is often read elsewhere. */
export function timeText(time: number): string {
  return dateTimeFormat(time, { format: 'YYYY-MM-DD HH:mm:ss Z' });
}

export function rangeText(from: number, to: number): string {
  return texts.range(timeText(from), timeText(to));
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? bytes : value.toFixed(1)} ${BYTE_UNITS[power]}`;
}

/** Describes the progress of a running export. */
export function progressText({ completed, total, status }: ExportJob): string {
  if (completed !== undefined && total) {
    return texts.progress(completed, texts.rows(total));
  }
  return status === 'CREATED' ? texts.waiting : texts.inProgress;
}

/** Describes how the file is created, where that is worth a note. */
export function noteText({ kind, message, reason }: ExportJob): string | undefined {
  const said = message ?? (kind === 'search' ? texts.bySearch : undefined);
  const why = reason && !message?.includes(reason) ? reason : undefined;
  return [said, why].flatMap((words) => (words ? sentence(words) : [])).join(' ') || undefined;
}

/** Turns a message of the backend, which has neither a capital nor a full stop, into a sentence. */
export function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.');
}

/** Describes what an export contains. */
export function subjectText({ query }: ExportJob): string {
  if (!query) {
    return texts.unknownQuery;
  }
  const conditions = conditionsText(query);
  return conditions ? texts.eventsWhere(conditions) : texts.allEvents;
}

/** Returns the facts below: time range, rows and user. */
export function factTexts(job: ExportJob): string[] {
  const { from, to, total, completed, who } = job;
  const rows = total ?? completed;
  return [
    from !== undefined && to !== undefined ? rangeText(from, to) : '',
    isReady(job) && rows !== undefined ? texts.rows(rows) : '',
    who ? texts.by(who) : '',
  ].filter(Boolean);
}

import { dateTimeFormat } from '@grafana/data';
import { conditionsText } from '../query/displayText';
import { isReady, type ExportJob } from './job';

const UNITS: [milliseconds: number, name: string][] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
];

/** How long ago something was, in words. */
export function ageText(from: number, now: number): string {
  const age = now - from;
  for (const [milliseconds, name] of UNITS) {
    const count = Math.floor(age / milliseconds);
    if (count >= 1) {
      return `${count} ${name}${count > 1 ? 's' : ''} ago`;
    }
  }
  return 'just now';
}

/** A moment in the viewer's time zone, with its offset: a file is often read elsewhere. */
export function timeText(time: number): string {
  return dateTimeFormat(time, { format: 'YYYY-MM-DD HH:mm:ss Z' });
}

export function windowText(from: number, to: number): string {
  return `${timeText(from)} to ${timeText(to)}`;
}

export function rowsText(rows: number): string {
  return `${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`;
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? bytes : value.toFixed(1)} ${BYTE_UNITS[power]}`;
}

/** How far a running export is. */
export function progressText({ completed, total, status }: ExportJob): string {
  if (completed !== undefined && total) {
    return `${completed.toLocaleString('en-US')} of ${rowsText(total)}`;
  }
  return status === 'CREATED' ? 'Waiting to start' : 'Running';
}

/** What there is to say of how the file is made. */
export function noteText({ kind, message, reason }: ExportJob): string | undefined {
  const said = message ?? (kind === 'search' ? 'The file is made by searches while it is downloaded' : undefined);
  const why = reason && !message?.includes(reason) ? reason : undefined;
  return [said, why].flatMap((words) => (words ? sentence(words) : [])).join(' ') || undefined;
}

/** The backend's words, which have neither a capital nor a full stop, as a sentence. */
export function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? '' : '.');
}

/** What an export is of, as one line. */
export function subjectText({ query }: ExportJob): string {
  if (!query) {
    return 'Query not known: started outside of this data source';
  }
  const conditions = conditionsText(query);
  return conditions ? `Events where ${conditions}` : 'All events';
}

/** The facts below it: window, rows, who. */
export function factTexts(job: ExportJob): string[] {
  const { from, to, total, completed, who } = job;
  const rows = total ?? completed;
  return [
    from !== undefined && to !== undefined ? windowText(from, to) : '',
    isReady(job) && rows !== undefined ? rowsText(rows) : '',
    who ? `by ${who}` : '',
  ].filter(Boolean);
}

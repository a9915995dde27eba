import { setTimeZoneResolver } from '@grafana/data';
import { readJob, type ExportJob } from './job';
import { verdict } from './manifest';
import { ageText, bytesText, factTexts, noteText, progressText, subjectText, rangeText } from './words';

const job = (more: object) => readJob({ id: 'a', status: 'IN_PROGRESS', ...more }) as ExportJob;

beforeAll(() => setTimeZoneResolver(() => 'Asia/Kathmandu'));

test.each([
  [0, 'just now'],
  [-5_000, 'just now'],
  [59_999, 'just now'],
  [60_000, '1 minute ago'],
  [3_599_999, '59 minutes ago'],
  [7_200_000, '2 hours ago'],
  [86_400_000, '1 day ago'],
  [2_592_000_000, '30 days ago'],
])('an age of %i ms is %j', (age, words) => {
  expect(ageText(1_000_000, 1_000_000 + age)).toBe(words);
});

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [5_500_000, '5.2 MiB'],
  [2 ** 53, '8192.0 TiB'],
])('%i bytes are %j', (bytes, words) => {
  expect(bytesText(bytes)).toBe(words);
});

test('a time range carries the offset of the viewer’s time zone', () => {
  expect(rangeText(0, 60_000)).toBe('1970-01-01 05:30:00 +05:30 to 1970-01-01 05:31:00 +05:30');
});

test.each([
  [{ status: 'created' }, 'Waiting to start'],
  [{ total: 0, completed: 0 }, 'Running'],
  [{ completed: 7 }, 'Running'],
  [{ total: 12_345, completed: 5000 }, '5,000 of 12,345 rows'],
])('the progress of %j is %j', (more, words) => {
  expect(progressText(job(more))).toBe(words);
});

test('an export describes its query and its user', () => {
  const query = { refId: 'A', queryType: 'count', groupBy: ['actor'], query: 'login', criteria: { outcome: ['failure'] }, limit: 5 };
  expect(subjectText(job({ query }))).toBe('Events where login and outcome is failure');
  expect(subjectText(job({ query: { refId: 'A' } }))).toBe('All events');
  expect(subjectText(job({ query: null }))).toMatch(/Unknown query/);
  expect(factTexts(job({ status: 'COMPLETED', total: 1, who: 'jane', from: null }))).toEqual(['1 row', 'by jane']);
  expect(factTexts(job({ total: 9 }))).toEqual([]);
});

test.each([
  [{}, undefined],
  [{ kind: 'job', message: 'for now it cannot be asked' }, 'For now it cannot be asked.'],
  [{ kind: 'search' }, 'The file is created by searches while it is downloaded.'],
  [{ kind: 'search', reason: 'Why.' }, 'The file is created by searches while it is downloaded. Why.'],
  [{ kind: 'search', reason: 'why', message: 'by searches: why' }, 'By searches: why.'],
  [{ kind: 'search', reason: 'why', message: 'slow.' }, 'Slow. Why.'],
  [{ kind: 'job', reason: 'why' }, 'Why.'],
])('the note on %j', (more, words) => {
  expect(noteText(job(more))).toBe(words);
});

test.each([
  [{ rows: 1200, counted: 1200, complete: true }, 'Complete: 1,200 of 1,200 rows'],
  [{ rows: 3, received: 5, counted: 5, complete: true }, 'Complete: 5 of 5 rows'],
  [{ rows: 1, received: 1, counted: 2, complete: false }, 'Not proved complete: 1 of 2 rows'],
  [{ rows: 1, complete: false }, 'Not proved complete'],
  [{ rows: 1, counted: 1 }, 'Unknown'],
])('the verdict on %j is %j', (manifest, words) => {
  expect(verdict(manifest)).toBe(words);
});

test('a response is read as far as it is valid', () => {
  expect(readJob({ status: 'COMPLETED' })).toBeUndefined();
  expect(readJob(null)).toBeUndefined();
  const odd = readJob({ id: 'a', createdAt: '2026-01-02T03:04:05Z', total: -1, completed: '7', error: '', from: 'x', query: 'text' });
  expect(odd).toEqual({ id: 'a', status: '', createdAt: Date.UTC(2026, 0, 2, 3, 4, 5) });
});

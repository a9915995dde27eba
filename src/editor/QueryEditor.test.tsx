import { CoreApp, dateTime, EventBusSrv, LogSortOrderChangeEvent, LogsSortOrder, type TimeRange } from '@grafana/data';
import { setAppEvents } from '@grafana/runtime';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { markersOnShow } from '../../.config/jest/stubs/monacoReact';
import type { AuditLogDataSource } from '../datasource';
import { presetStrings } from '../strings/help';
import { queryProblems, queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { DraftField } from './DraftField';
import { QueryEditor } from './QueryEditor';
import { watchSortOfPanels } from './sortOfPanel';

const texts = queryStrings;

interface Setup {
  app?: CoreApp;
  queueEnabled?: boolean;
  range?: TimeRange;
  calls?: number;
}

async function setup(query: Partial<AuditLogQuery> = {}, { app = CoreApp.PanelEditor, queueEnabled = false, range, calls = 1 }: Setup = {}) {
  const suggestValues = jest.fn(async () => ({ values: [], complete: true }));
  const estimate = jest.fn(async () => ({ calls, plan: 'About so many requests.' }));
  const datasource = { uid: 'u', maxEvents: 1000, requestsPerFiveMinutes: 600, queueEnabled, suggestValues, estimate } as unknown as AuditLogDataSource;
  const written: AuditLogQuery[] = [];
  const run = jest.fn();
  function Host() {
    const [current, setCurrent] = useState<AuditLogQuery>({ refId: 'A', ...query });
    const change = (next: AuditLogQuery) => {
      written.push(next);
      setCurrent(next);
    };
    return <QueryEditor app={app} datasource={datasource} query={current} onChange={change} onRunQuery={run} range={range} />;
  }
  render(<Host />);
  if (query.query) {
    await screen.findByRole('textbox', { name: texts.lucene.label });
  }
  return { written, run, estimate, user: userEvent.setup({ delay: null }), last: () => written.at(-1) };
}

type User = ReturnType<typeof userEvent.setup>;

const openOptions = (user: User) => user.click(screen.getByTestId(texts.options.testId));
const openFilter = (user: User, number: number) => user.click(screen.getByRole('button', { name: new RegExp(`^Edit filter ${number}:`) }));

const chooseMode = (user: User, name: string) => user.click(within(screen.getByTestId(texts.mode.testId)).getByRole('radio', { name }));

async function openLucene(user: User) {
  await chooseMode(user, 'Code');
  return screen.findByRole('textbox', { name: texts.lucene.label });
}

const queryType = (name: string) => within(screen.getByRole('radiogroup', { name: texts.queryType.label })).getByRole('radio', { name });

async function pick(user: User, control: string, option: string, text = '') {
  const box = screen.getByRole('combobox', { name: control });
  // The list draws only what fits: text brings an option into it that is further down.
  await (text ? user.type(box, text) : user.click(box));
  await user.click(await screen.findByText(option, { selector: '[role=option] *' }));
}

beforeEach(() => window.localStorage.clear());

describe('query type', () => {
  it('is written and run', async () => {
    const { user, last, run } = await setup({ query: 'a', limit: 7 });
    await user.click(queryType('Over time'));
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, query: 'a', limit: 7, queryType: 'series' });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it.each<[AuditLogQuery['queryType'], string[], string[]]>([
    ['events', [texts.sort.label, texts.format.label, texts.line.label], []],
    ['count', [], [texts.groupBy.label]],
    ['series', [], [texts.groupBy.label]],
    ['top', [], [texts.groupBy.label]],
  ])('%s shows only what applies', async (type, radios, comboboxes) => {
    const { user } = await setup({ queryType: type });
    await openOptions(user);
    const groups = screen.getAllByRole('radiogroup').map((group) => group.getAttribute('aria-label'));
    expect(groups).toEqual([texts.queryType.label, texts.mode.label, ...radios]);
    expect(screen.queryAllByRole('combobox').map((box) => (box as HTMLInputElement).labels?.[0].textContent)).toEqual(comboboxes);
    expect(screen.getByLabelText(texts.limit.label)).toBeInTheDocument();
    expect(screen.queryByLabelText(texts.baseline.label)).not.toBeInTheDocument();
  });

  it('first seen asks for a group and a baseline', async () => {
    const { user, last } = await setup({ queryType: 'firstSeen' });
    expect(screen.getByText(/group by at least one field/)).toBeInTheDocument();
    await pick(user, texts.groupBy.label, 'Actor');
    expect(screen.queryByText(/group by at least one field/)).not.toBeInTheDocument();
    const baseline = screen.getByLabelText(texts.baseline.label);
    await user.clear(baseline);
    await user.type(baseline, '4w');
    expect(last()).toMatchObject({ groupBy: ['actor'], baseline: '4w' });
    await user.type(baseline, 'x');
    expect(screen.getByText(/such as 12h, 30d or 4w/)).toBeInTheDocument();
    expect(last()).toMatchObject({ baseline: '4w' });
  });
});

describe('the line of a log', () => {
  it('shows the description alone, or who, too', async () => {
    const { user, last } = await setup();
    await openOptions(user);
    const choose = (name: string) => user.click(within(screen.getByRole('radiogroup', { name: texts.line.label })).getByRole('radio', { name }));
    await choose('Description');
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, line: 'description' });
    await choose('Who and what');
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1 });
  });

  it('is no matter of a table', async () => {
    const { user } = await setup({ format: 'table' });
    await openOptions(user);
    expect(screen.queryByRole('radiogroup', { name: texts.line.label })).not.toBeInTheDocument();
  });
});

describe('the order of a logs panel', () => {
  const announce = (order: LogsSortOrder) => act(() => bus.publish(new LogSortOrderChangeEvent({ order })));
  const bus = new EventBusSrv();
  beforeAll(() => {
    setAppEvents(bus);
    watchSortOfPanels();
    announce(LogsSortOrder.Descending);
  });
  beforeEach(() => announce(LogsSortOrder.Descending));

  it('is followed when it changes, not when it is announced', async () => {
    const { last, run } = await setup({ sort: 'asc' });
    announce(LogsSortOrder.Descending);
    expect(run).not.toHaveBeenCalled();
    announce(LogsSortOrder.Ascending);
    expect(run).not.toHaveBeenCalled(); // The query has that order already.
    announce(LogsSortOrder.Descending);
    expect(last()).toMatchObject({ sort: 'desc' });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it.each<[string, Partial<AuditLogQuery>, Setup]>([
    ['a query that lists no events', { queryType: 'count' }, {}],
    ['Explore', {}, { app: CoreApp.Explore }],
  ])('means nothing to %s', async (_, query, options) => {
    const { run } = await setup(query, options);
    announce(LogsSortOrder.Ascending);
    expect(run).not.toHaveBeenCalled();
  });
});

describe('running', () => {
  it('first seen starts with groups, so that it can run', async () => {
    const { user, last, run } = await setup();
    await user.click(queryType('First seen'));
    expect(last()).toMatchObject({ queryType: 'firstSeen', groupBy: ['account', 'address'] });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('a top list starts with groups and a short limit', async () => {
    const { user, last } = await setup();
    await user.click(queryType('Top list'));
    expect(last()).toMatchObject({ queryType: 'top', groupBy: ['account'], limit: 20 });
  });

  it('does not send what the editor itself rejects', async () => {
    const { user, last, run } = await setup({ source: 'queue', query: 'x' }, { queueEnabled: true });
    await user.click(queryType('Count'));
    expect(last()).toMatchObject({ queryType: 'count' });
    expect(run).not.toHaveBeenCalled();
    await user.click(screen.getByRole('radio', { name: 'Search' }));
    expect(run).toHaveBeenCalledTimes(1);
  });
});

describe('presets', () => {
  it('replace the query', async () => {
    const { user, last, run } = await setup({ queryType: 'count', groupBy: ['actor'], limit: 3, criteria: { actor: ['a'] }, query: 'x' });
    await user.click(screen.getByTestId(texts.presets.testId));
    await user.click(await screen.findByRole('menuitem', { name: new RegExp(`^${presetStrings.loginsOverTime.title}`) }));
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, queryType: 'series', criteria: { category: ['authentication'] }, groupBy: ['outcome'], limit: 10 });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('that make no rule are not offered in one', async () => {
    const { user } = await setup({ queryType: 'count' }, { app: CoreApp.UnifiedAlerting });
    await user.click(screen.getByTestId(texts.presets.testId));
    await screen.findByRole('menuitem', { name: new RegExp(`^${presetStrings.newAddress.title}`) });
    expect(screen.queryByRole('menuitem', { name: new RegExp(`^${presetStrings.policyChanges.title}`) })).not.toBeInTheDocument();
  });
});

describe('the sentence', () => {
  const range: TimeRange = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
  const sentence = () => screen.getByTestId(texts.sentence.testId);

  it('says what is asked and what it costs', async () => {
    const { estimate } = await setup({ criteria: { outcome: ['failure'] }, limit: 9 }, { range });
    expect(sentence()).toHaveTextContent('Newest 9 events where outcome is failure.');
    expect(await screen.findByText(/About so many requests/)).toBeInTheDocument();
    expect(estimate).toHaveBeenCalledWith({ refId: 'A', criteria: { outcome: ['failure'] }, limit: 9 }, { from: 1000, to: 2000 }, expect.any(String), {});
    expect(sentence()).not.toHaveTextContent('of the 600');
  });

  it.each([[60, false], [61, true]])('warns of a query of %i requests: %s', async (calls, warned) => {
    await setup({}, { range, calls });
    await screen.findByText(/About so many requests/);
    expect(sentence().textContent?.includes(texts.sentence.costly(calls, 600))).toBe(warned);
  });

  it('does not estimate what the editor rejects', async () => {
    const { estimate, user } = await setup({ queryType: 'firstSeen' }, { range });
    await pick(user, texts.groupBy.label, 'Actor');
    expect(await screen.findByText(/About so many requests/)).toBeInTheDocument();
    expect(estimate).toHaveBeenCalledTimes(1);
  });
});

describe('options', () => {
  it('show their values while they are folded', async () => {
    const { user } = await setup({ limit: 7, sort: 'asc', format: 'table' });
    expect(screen.queryByRole('radio', { name: 'Logs' })).not.toBeInTheDocument();
    expect(screen.getByTestId(texts.options.testId)).toHaveTextContent('Oldest first · Limit 7 · Table');
    await openOptions(user);
    expect(screen.getByRole('radio', { name: 'Table' })).toBeChecked();
    await openOptions(user);
    expect(screen.queryByRole('radio', { name: 'Logs' })).not.toBeInTheDocument();
  });
});

describe('earlier events', () => {
  const stored = { criteria: { outcome: ['failure'], flagged: true }, atLeast: 3 };
  const group = () => screen.queryByRole('group', { name: texts.after.group });

  it('are shown, changed and kept with the parts that are not offered', async () => {
    const { user, last } = await setup({ queryType: 'top', groupBy: ['actor'], after: stored });
    const atLeast = screen.getByLabelText(texts.after.atLeast.label);
    expect(atLeast).toHaveValue('3');
    await user.type(atLeast, '0');
    expect(last()).toMatchObject({ after: { ...stored, atLeast: 30 } });
    await pick(user, texts.after.action, 'login');
    expect(last()).toMatchObject({ after: { criteria: { ...stored.criteria, action: ['login'] }, atLeast: 30 } });
    expect(screen.queryByTestId(texts.problems)).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: texts.after.remove }));
    expect(last()).not.toHaveProperty('after');
    expect(group()).not.toBeInTheDocument();
  });

  it('can be required once there are groups', async () => {
    const { user, last } = await setup({ queryType: 'count' });
    await openOptions(user);
    expect(screen.queryByRole('button', { name: texts.after.add })).not.toBeInTheDocument();
    await pick(user, texts.groupBy.label, 'Actor');
    await user.click(screen.getByRole('button', { name: texts.after.add }));
    expect(last()).toMatchObject({ groupBy: ['actor'], after: { criteria: { outcome: ['failure'] }, atLeast: 5 } });
  });

  it('are reported where the query type does not allow them', async () => {
    await setup({ queryType: 'events', after: stored });
    expect(group()).toHaveTextContent(/show a count, a top list/);
  });
});

describe('source', () => {
  const lucene = () => screen.queryByRole('textbox', { name: texts.lucene.label });

  it('is hidden while the queue is disabled', async () => {
    await setup();
    expect(screen.queryByRole('radiogroup', { name: texts.source.label })).not.toBeInTheDocument();
  });

  it('is a choice when the queue is enabled', async () => {
    const { user, last } = await setup({}, { queueEnabled: true });
    await user.click(screen.getByRole('radio', { name: 'Queue' }));
    expect(last()).toMatchObject({ source: 'queue' });
  });

  it('queue has no Lucene field, and search brings it back', async () => {
    const { user, run } = await setup({ source: 'queue', criteria: { actor: ['a'] } }, { queueEnabled: true });
    expect(lucene()).not.toBeInTheDocument();
    expect(screen.queryByTestId(texts.mode.testId)).not.toBeInTheDocument();
    expect(screen.getByRole('button', { name: texts.filters.edit(1, 'Actor: a') })).toBeInTheDocument();
    await user.click(screen.getByRole('radio', { name: 'Search' }));
    expect(await openLucene(user)).toHaveValue('');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('queue keeps a Lucene query visible with the problem, until it is removed', async () => {
    const { user, last } = await setup({ query: 'login' }, { queueEnabled: true });
    await user.click(screen.getByRole('radio', { name: 'Queue' }));
    expect(last()).toMatchObject({ source: 'queue', query: 'login' });
    expect(lucene()).toHaveValue('login');
    expect(screen.getByText(queryProblems.luceneOnQueue)).toBeInTheDocument();
    await user.clear(screen.getByRole('textbox', { name: texts.lucene.label }));
    await user.tab();
    expect(last()).toMatchObject({ source: 'queue', query: '' });
    expect(lucene()).not.toBeInTheDocument();
    expect(screen.queryByText(queryProblems.luceneOnQueue)).not.toBeInTheDocument();
  });

  it('stays visible when a query uses the disabled queue', async () => {
    await setup({ source: 'queue' });
    expect(screen.getByText(queryProblems.queueDisabled)).toBeInTheDocument();
  });
});

describe('Lucene query', () => {
  const field = () => screen.getByRole('textbox', { name: texts.lucene.label });

  it('is written when the field is left, and does not run', async () => {
    const { user, written, run } = await setup();
    await openLucene(user);
    expect(screen.getByText(texts.lucene.placeholder)).toBeInTheDocument();
    await user.type(field(), 'login');
    expect(screen.queryByText(texts.lucene.placeholder)).not.toBeInTheDocument();
    expect(written).toEqual([]);
    await user.tab();
    expect(written).toEqual([{ refId: 'A', schemaVersion: 1, query: 'login' }]);
    expect(run).not.toHaveBeenCalled();
  });

  it('is marked where Lucene reads it differently, kept unchanged, and fixed on request', async () => {
    const { user, last, run } = await setup();
    await openLucene(user);
    await user.type(field(), 'a and “b” not c');
    expect(markersOnShow).toEqual([
      expect.objectContaining({ startColumn: 3, endColumn: 6, message: '"and" is a word to search for, not an operator.' }),
      expect.objectContaining({ startColumn: 7, endColumn: 8 }),
      expect.objectContaining({ startColumn: 9, endColumn: 10 }),
      expect.objectContaining({ startColumn: 11, endColumn: 14 }),
    ]);
    expect(screen.getByTestId(texts.lucene.warnings)).toHaveTextContent('"and" is a word to search for');
    await user.tab();
    expect(last()).toMatchObject({ query: 'a and “b” not c' });
    await user.click(screen.getByRole('button', { name: texts.lucene.fix }));
    expect(last()).toMatchObject({ query: 'a AND "b" NOT c' });
    expect(run).toHaveBeenCalledTimes(1);
    expect(screen.queryByTestId(texts.lucene.warnings)).not.toBeInTheDocument();
  });

  it('names derived fields, and moves them to the filters on request', async () => {
    const { user, last, run } = await setup({ query: 'login AND category:authentication', criteria: { outcome: ['failure'] } });
    expect(screen.getByTestId(texts.lucene.warnings)).toHaveTextContent('cannot search category');
    expect(screen.queryByRole('button', { name: texts.lucene.fix })).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: texts.lucene.move }));
    expect(last()).toMatchObject({ query: 'login', criteria: { outcome: ['failure'], category: ['authentication'] } });
    expect(run).toHaveBeenCalledTimes(1);
    expect(screen.queryByTestId(texts.lucene.warnings)).not.toBeInTheDocument();
  });

  it('names derived fields that cannot be moved', async () => {
    await setup({ query: 'login OR category:auth*' });
    expect(screen.getByTestId(texts.lucene.warnings)).toHaveTextContent('cannot search category');
    expect(screen.queryByRole('button', { name: texts.lucene.move })).not.toBeInTheDocument();
  });

  it('of a stored query is marked from the start', async () => {
    await setup({ query: 'a or b' });
    expect(markersOnShow).toHaveLength(1);
    expect(screen.getByTestId(texts.lucene.warnings)).toBeInTheDocument();
  });

  it('runs on Shift+Enter, with the latest change', async () => {
    const { user, last, run } = await setup({ queryType: 'count' });
    const area = await openLucene(user);
    await user.type(area, 'a{Shift>}{Enter}{/Shift}');
    await user.type(area, 'b{Shift>}{Enter}{/Shift}');
    expect(last()).toMatchObject({ queryType: 'count', query: 'ab' });
    expect(run).toHaveBeenCalledTimes(2);
  });

  it('does nothing when it is left unchanged', async () => {
    const { user, written, run } = await setup({ query: 'x' });
    await user.click(field());
    await user.tab();
    expect(written).toEqual([]);
    expect(run).not.toHaveBeenCalled();
  });
});

describe('filters', () => {
  it('are added, filled and removed with the keyboard alone', async () => {
    const { user, last, run } = await setup();
    act(() => screen.getByRole('button', { name: texts.filters.add }).focus());
    await user.keyboard('{Enter}');
    expect(screen.getByRole('combobox', { name: texts.filters.field(1) })).toHaveFocus();
    expect(last()).toMatchObject({ criteria: { account: [] } });
    expect(run).not.toHaveBeenCalled();

    act(() => screen.getByRole('combobox', { name: texts.filters.values(1) }).focus());
    await user.keyboard('jane@example.com{Enter}');
    expect(last()).toMatchObject({ criteria: { account: ['jane@example.com'] } });
    expect(run).toHaveBeenCalledTimes(1);

    act(() => screen.getByRole('button', { name: texts.filters.remove(1) }).focus());
    await user.keyboard('{Enter}');
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1 });
    expect(run).toHaveBeenCalledTimes(2);
    expect(screen.getByRole('button', { name: texts.filters.add })).toHaveFocus();
  });

  it('keep a value that was typed but not entered', async () => {
    const { user, last } = await setup({ criteria: { actor: ['a'] } });
    await openFilter(user, 1);
    expect(screen.getByRole('combobox', { name: texts.filters.values(1) })).toHaveFocus();
    await user.type(screen.getByRole('combobox', { name: texts.filters.values(1) }), 'bob');
    await user.tab();
    expect(last()).toMatchObject({ criteria: { actor: ['a', 'bob'] } });
  });

  it('offer the known values of a field and accept others', async () => {
    const { user, last } = await setup({ criteria: { outcome: [] } });
    await openFilter(user, 1);
    await pick(user, texts.filters.values(1), 'failure');
    await user.type(screen.getByRole('combobox', { name: texts.filters.values(1) }), '$outcome{Enter}');
    expect(last()).toMatchObject({ criteria: { outcome: ['failure', '$outcome'] } });
  });

  it('change their field and keep the values', async () => {
    const { user, last } = await setup({ criteria: { actor: ['a'], outcome: ['failure'] } });
    await openFilter(user, 1);
    await pick(user, texts.filters.field(1), 'Description');
    expect(last()).toMatchObject({ criteria: { description: ['a'], outcome: ['failure'] } });
    expect(Object.keys(last()?.criteria ?? {})).toEqual(['description', 'outcome']);
  });

  it('become exclusions where they are', async () => {
    const { user, last } = await setup({ criteria: { actor: ['a'], outcome: ['failure'] }, exclusions: { actor_ip: ['::1'] } });
    await openFilter(user, 1);
    await pick(user, texts.filters.operator(1), 'is not one of');
    expect(last()).toMatchObject({ criteria: { outcome: ['failure'] }, exclusions: { actor_ip: ['::1'], actor: ['a'] } });
    expect(screen.getByRole('combobox', { name: texts.filters.operator(1) })).toHaveValue('is not one of');
    await user.click(screen.getByRole('button', { name: texts.filters.close(1) }));
    expect(screen.getByRole('button', { name: texts.filters.edit(1, 'Actor is not a') })).toHaveFocus();
  });

  it('are yes or no for a flag', async () => {
    const { user, last } = await setup({ criteria: { actor: ['a'] } });
    await openFilter(user, 1);
    await pick(user, texts.filters.field(1), 'Flagged', 'Flagged');
    expect(screen.queryByRole('combobox', { name: texts.filters.operator(1) })).not.toBeInTheDocument();
    expect(last()).toMatchObject({ criteria: { flagged: true } });
    await user.click(screen.getByRole('radio', { name: 'No' }));
    expect(last()?.criteria).toEqual({ flagged: false });
  });

  it('say of an excluded flag what they ask for', async () => {
    const { user, last } = await setup({ exclusions: { flagged: true } });
    await user.click(screen.getByRole('button', { name: texts.filters.edit(1, 'Flagged: no') }));
    await user.click(screen.getByRole('radio', { name: 'Yes' }));
    expect(last()).toMatchObject({ exclusions: { flagged: false } });
    await user.keyboard('{Escape}');
    expect(screen.getByRole('button', { name: texts.filters.edit(1, 'Flagged: yes') })).toHaveFocus();
  });

  it('name few of many values', async () => {
    await setup({ exclusions: { actor: ['a', '', 'c', 'd'] } });
    expect(screen.getByRole('button', { name: texts.filters.edit(1, 'Actor is not a or (none) or 2 more') })).toBeInTheDocument();
  });
});

describe('limit', () => {
  const limit = () => screen.getByLabelText(texts.limit.label);

  it('is written when it is a number in range', async () => {
    const { user, last } = await setup({ limit: 5 });
    await openOptions(user);
    await user.type(limit(), '0');
    expect(last()).toMatchObject({ limit: 50 });
  });

  it('runs the query on Enter, not when the field is left', async () => {
    const { user, run } = await setup({ limit: 5 });
    await openOptions(user);
    await user.type(limit(), '0');
    await user.tab();
    expect(run).not.toHaveBeenCalled();
    await user.type(limit(), '{Enter}');
    expect(run).toHaveBeenCalledTimes(1);
  });

  it.each([5000, 1001])('of %i stays as stored where the data source allows less, with a note', async (stored) => {
    const { user, last } = await setup({ limit: stored });
    expect(limit()).toHaveValue(String(stored));
    expect(screen.getByText(texts.limit.reduced(1000))).toBeInTheDocument();
    expect(screen.queryByText(/Enter a whole number/)).not.toBeInTheDocument();
    await user.clear(limit());
    await user.type(limit(), '1000');
    expect(last()).toMatchObject({ limit: 1000 });
    expect(screen.queryByText(texts.limit.reduced(1000))).not.toBeInTheDocument();
  });

  it.each([
    ['nothing', '{Backspace}', ''],
    ['a word', 'x', '5x'],
    ['too much', '000', '5000'],
    ['a fraction', '.5', '5.5'],
  ])('reports %s and keeps what was typed', async (_, typed, shown) => {
    const { user, last } = await setup({ limit: 5 });
    await openOptions(user);
    await user.type(limit(), typed);
    expect(limit()).toHaveValue(shown);
    expect(screen.getByText(/Enter a whole number from 1 to 1,000. The query keeps/)).toBeInTheDocument();
    expect(last()?.limit ?? 5).toBeLessThanOrEqual(1000);
  });

  it('follows a change from outside', async () => {
    const props = { texts: texts.limit, hint: '', problem: () => undefined, onChange: jest.fn(), onRunQuery: jest.fn() };
    const { rerender } = render(<DraftField value="5" {...props} />);
    await userEvent.type(limit(), 'x');
    rerender(<DraftField value="5" {...props} />);
    expect(limit()).toHaveValue('5x');
    rerender(<DraftField value="20" {...props} />);
    expect(limit()).toHaveValue('20');
  });
});

describe('folding', () => {
  const fold = () => screen.queryByRole('switch', { name: texts.fold.label });

  it('is written while it is on, and removed when it is off', async () => {
    const { user, last, run } = await setup({ queryType: 'series' });
    await openOptions(user);
    await user.click(fold() as HTMLElement);
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, queryType: 'series', fold: true });
    await user.click(fold() as HTMLElement);
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, queryType: 'series' });
    expect(run).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['events', undefined, true],
    ['top', undefined, true],
    ['firstSeen', undefined, false],
    ['firstSeen', true, true],
  ] as const)('%s with fold %s', async (type, value, shown) => {
    const { user } = await setup({ queryType: type, fold: value });
    await openOptions(user);
    expect(Boolean(fold())).toBe(shown);
  });

  it('is only offered where a policy may be among the events', async () => {
    const { user } = await setup({ criteria: { category: ['authentication'] } });
    await openOptions(user);
    expect(fold()).not.toBeInTheDocument();
  });

  it('reports another value', async () => {
    await setup({ fold: 'yes' } as unknown as Partial<AuditLogQuery>);
    expect(screen.getByText(/either true or false/)).toBeInTheDocument();
    expect(fold()).not.toBeChecked();
  });
});

describe('in an alert rule', () => {
  it('offers the query types that fit and recommends one', async () => {
    await setup({ queryType: 'count' }, { app: CoreApp.UnifiedAlerting });
    const choices = within(screen.getByRole('radiogroup', { name: texts.queryType.label })).getAllByRole('radio');
    expect(choices).toHaveLength(3);
    expect(screen.getByRole('note')).toHaveTextContent('0 when nothing happened');
    expect(screen.queryByText('Queue')).not.toBeInTheDocument();
  });

  it('offers the queue where it is enabled', async () => {
    const { user, last } = await setup({ queryType: 'count' }, { app: CoreApp.UnifiedAlerting, queueEnabled: true });
    await user.click(screen.getByRole('radio', { name: 'Queue' }));
    expect(last()).toMatchObject({ source: 'queue' });
  });

  it('turns any query into a count by account and address', async () => {
    const { user, last, run } = await setup({ queryType: 'events', query: 'login' }, { app: CoreApp.UnifiedAlerting });
    await user.click(screen.getByRole('button', { name: texts.alertHelp.label }));
    await user.click(screen.getByRole('button', { name: texts.alertHelp.use }));
    expect(last()).toMatchObject({ queryType: 'count', query: 'login', groupBy: ['account', 'address'] });
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('shows a query type that does not fit where the rule has it', async () => {
    await setup({ queryType: 'events' }, { app: CoreApp.UnifiedAlerting });
    expect(queryType('Events')).toBeChecked();
    expect(screen.getByRole('note')).toHaveTextContent('Choose Count');
  });
});

describe('variables that could not be filled in on the way to Explore', () => {
  const stored = { query: 'actor:"$site-$host"', variableError: 'The variables stand for 1,600 combinations.' };

  it('are explained, and the query can be run as it is', async () => {
    const { user, last, run } = await setup(stored, { app: CoreApp.Explore });
    expect(screen.getByTestId(texts.variables.testId)).toHaveTextContent('1,600 combinations');
    expect(screen.queryByTestId(texts.problems)).not.toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: texts.variables.ignore }));
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, query: stored.query });
    expect(run).toHaveBeenCalledTimes(1);
    expect(screen.queryByTestId(texts.variables.testId)).not.toBeInTheDocument();
  });

  it('are forgotten once the query is edited', async () => {
    const { user, last } = await setup(stored, { app: CoreApp.Explore });
    const area = screen.getByRole('textbox', { name: texts.lucene.label });
    await user.clear(area);
    await user.type(area, 'web-1');
    await user.tab();
    expect(last()).toEqual({ refId: 'A', schemaVersion: 1, query: 'web-1' });
  });
});

it('names unknown keys and removes them on request', async () => {
  const { user, last } = await setup({ expr: 'up' } as Partial<AuditLogQuery>);
  expect(screen.getByText(queryProblems.unknownKeys(['expr']))).toBeInTheDocument();
  await user.click(screen.getByRole('button', { name: texts.removeUnknownKeys }));
  expect(last()).toEqual({ refId: 'A', schemaVersion: 1 });
});

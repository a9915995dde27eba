import { AbstractLabelOperator, CoreApp, type DataFrame, type DataQueryRequest, type DataSourceApi, type DataSourceInstanceSettings, dateTime, type EventBus, type Field, LoadingState, SupplementaryQueryType } from '@grafana/data';
import { DataSourceWithBackend, setAppEvents } from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';
import { AuditLogDataSource } from './datasource';
import { fakeTemplates } from './testing/templates';
import type { AuditLogOptions, AuditLogQuery, Filters } from './types';

type Variables = Parameters<typeof fakeTemplates>[0];

function dataSource(variables: Variables = {}, jsonData: AuditLogOptions = {}) {
  const settings = { uid: 'cbc', type: 'carbonblack-auditlog-datasource', jsonData };
  return new AuditLogDataSource(settings as DataSourceInstanceSettings<AuditLogOptions>, () => fakeTemplates(variables));
}

const many = Array.from({ length: 2000 }, (_, index) => `v${index}`);

const apply = (query: Partial<AuditLogQuery>, variables: Variables = {}, scopedVars = {}) =>
  dataSource(variables).applyTemplateVariables({ refId: 'A', ...query }, scopedVars);

describe('criteria', () => {
  const criteria = (filters: Filters, variables: Variables, scopedVars = {}) => apply({ criteria: filters }, variables, scopedVars).criteria;

  it.each<[string, string[], Variables, string[] | undefined]>([
    ['a value is taken as it is', ['$v'], { v: { value: 'a/b "c" *' } }, ['a/b "c" *']],
    ['several values become several items', ['x', '$v'], { v: { value: ['a', 'b c'] } }, ['x', 'a', 'b c']],
    ['the same value is sent once', ['a', '$v'], { v: { value: ['a', 'b'] } }, ['a', 'b']],
    ['inside a longer text', ['web-${v}.local'], { v: { value: ['1', '2'] } }, ['web-1.local', 'web-2.local']],
    ['an explicit format', ['${v:csv}'], { v: { value: ['a', 'b'] } }, ['a,b']],
    ['an unknown variable stays', ['$other'], { v: { value: 'a' } }, ['$other']],
    ['an empty text box is no condition', ['$v'], { v: { value: '' } }, undefined],
    ['two quotes in a text box are the empty value', ['$v'], { v: { value: '""' } }, ['']],
    ['(none) in a text box is the empty value', ['$v'], { v: { value: '(none)' } }, ['']],
    ['(none) among the values', ['$v'], { v: { value: ['(none)', 'a'] } }, ['', 'a']],
    ['(none) that is typed in the list stays', ['(none)'], {}, ['(none)']],
    ['two quotes among the values', ['$v'], { v: { value: ['""', 'a'] } }, ['', 'a']],
    ['two quotes that are typed in the list stay', ['""'], {}, ['""']],
    ['an empty text box next to a value', ['a', '$v'], { v: { value: '' } }, ['a']],
    ['nothing selected matches nothing', ['$v'], { v: { value: [] } }, ['__empty__']],
    ['All is no condition', ['$v'], { v: { value: '$__all', options: ['a', 'b'] } }, undefined],
    ['All in a list', ['$v'], { v: { value: ['$__all'], options: ['a', 'b'] } }, undefined],
    ['All with only one option', ['$v'], { v: { value: ['$__all'], options: ['a'] } }, undefined],
    ['All with a custom value', ['$v'], { v: { value: '$__all', allValue: '*', options: ['a'] } }, undefined],
    ['many values of one variable', ['x-$v'], { v: { value: many } }, many.map((item) => `x-${item}`)],
    ['All next to a value', ['x', '$v'], { v: { value: '$__all', options: ['a', 'b'] } }, undefined],
    ['an empty item is a wanted value', [''], {}, ['']],
  ])('%s', (_, actor, variables, expected) => {
    expect(criteria({ actor }, variables)?.actor).toEqual(expected);
  });

  it('in a repeated panel, the one value counts, not All', () => {
    const variables = { v: { value: '$__all', options: ['a', 'b'] } };
    expect(criteria({ actor: ['$v'] }, variables, { v: { value: 'b' } })).toEqual({ actor: ['b'] });
  });

  it('drops empty lists and keeps flags, also when false', () => {
    const query = apply({ criteria: { actor: [], flagged: false }, exclusions: { actor: [], action: [] } });
    expect(query).toEqual({ refId: 'A', criteria: { flagged: false } });
  });

  it('excludes nothing by a variable at All', () => {
    expect(apply({ exclusions: { actor: ['$v'] } }, { v: { value: '$__all', options: ['a', 'b'] } })).toEqual({ refId: 'A' });
  });

  it('fills exclusions too', () => {
    expect(apply({ exclusions: { actor_ip: ['$v'] } }, { v: { value: ['::1', '10.0.0.1'] } }).exclusions).toEqual({
      actor_ip: ['::1', '10.0.0.1'],
    });
  });
});

describe('what is sent', () => {
  it('keeps unknown keys and wrong types, so that the backend can name them', () => {
    const foreign = { refId: 'A', expr: '{job="x"}', query: 5, criteria: { color: 'red', actor: 'jane' } } as unknown as AuditLogQuery;
    expect(dataSource().applyTemplateVariables(foreign, {})).toEqual(foreign);
  });

  it('does not touch the query it was given', () => {
    const query = { refId: 'A', query: '$v', criteria: { actor: ['$v'], actor_ip: [] } };
    const before = JSON.stringify(query);
    dataSource({ v: { value: 'a' } }).applyTemplateVariables(query, {});
    expect(JSON.stringify(query)).toBe(before);
  });

  it('adds nothing of its own', () => {
    expect(apply({ queryType: 'count' })).toEqual({ refId: 'A', queryType: 'count' });
  });
});

afterEach(() => jest.restoreAllMocks());

/** Returns what a data source sends of a request, and its answer. */
async function askQueries(targets: AuditLogQuery[], variables: Variables = {}) {
  const sent: AuditLogQuery[][] = [];
  jest.spyOn(DataSourceWithBackend.prototype, 'query').mockImplementation((request) => {
    sent.push(request.targets as AuditLogQuery[]);
    return of({ data: request.targets, errors: [{ refId: 'Z', message: 'from the backend' }] });
  });
  const request = { targets, scopedVars: {} } as DataQueryRequest<AuditLogQuery>;
  return { sent, answer: await lastValueFrom(dataSource(variables).query(request)) };
}

describe('more combinations of variables than can be sent', () => {
  const value = Array.from({ length: 11 }, (_, index) => `v${index}`);
  const variables = { a: { value }, b: { value }, c: { value } };
  const [small, large, listed] = ['$a-$b', '$a-$b-$c', ''].map((query, index) => ({ refId: 'ABC'[index], query }));
  const targets: AuditLogQuery[] = [small, large, { ...listed, exclusions: { actor: ['$a.$b.$c'] } }];
  const message = expect.stringContaining('1,331 combinations');

  const ask = (asked: AuditLogQuery[], known: Variables = variables) => askQueries(asked, known);

  it('fail the query that has them and leave the others alone', async () => {
    const { sent, answer } = await ask(targets);
    expect(sent).toEqual([[small]]);
    expect(answer).toEqual({
      data: [small],
      state: LoadingState.Error,
      errors: [{ refId: 'Z', message: 'from the backend' }, { refId: 'B', message }, { refId: 'C', message }],
    });
  });

  it('ask nothing where no query is left', async () => {
    const { sent, answer } = await ask([large]);
    expect(sent).toEqual([]);
    expect(answer).toEqual({ data: [], state: LoadingState.Error, errors: [{ refId: 'B', message }] });
  });

  it('change nothing where no query has them', async () => {
    const { sent, answer } = await ask([small]);
    expect(sent).toEqual([[small]]);
    expect(answer.errors).toEqual([{ refId: 'Z', message: 'from the backend' }]);
  });

  it.each([
    ['a Lucene query', large],
    ['a filter', { refId: 'C', criteria: { actor: ['$a.$b.$c'] } }],
    ['a phrase', { refId: 'C', query: 'actor:"$a-$b-$c"' }],
  ])('leave the dashboard with the reason, so that Explore opens: %s', async (_, query) => {
    const [left] = dataSource(variables).interpolateVariablesInQueries([query], {});
    expect(left).toMatchObject({ ...query, variableError: message });
    const { sent, answer } = await ask([left], {});
    expect(sent).toEqual([]);
    expect(answer.errors).toEqual([{ refId: left.refId, message }]);
  });
});

test('queries that leave the dashboard carry values and their data source', () => {
  const [query] = dataSource({ v: { value: ['a', 'b'] } }).interpolateVariablesInQueries([{ refId: 'A', query: 'actor:$v' }], {});
  expect(query).toEqual({
    refId: 'A',
    query: 'actor:("a" OR "b")',
    datasource: { uid: 'cbc', type: 'carbonblack-auditlog-datasource' },
  });
});

test('a hidden query is not asked, but the preview of an alert rule does not leave it out', async () => {
  const { sent } = await askQueries([{ refId: 'A', hide: true }, { refId: 'B' }]);
  expect(sent).toEqual([[{ refId: 'B' }]]);
  expect((await askQueries([{ refId: 'A', hide: true }])).sent).toEqual([]);
  const api: DataSourceApi<AuditLogQuery> = dataSource();
  expect(api.filterQuery?.({ refId: 'A', hide: true }) ?? true).toBe(true);
});

test.each([
  [CoreApp.Explore, 'events'],
  [CoreApp.Dashboard, 'events'],
  [CoreApp.PanelEditor, 'events'],
  [CoreApp.UnifiedAlerting, 'count'],
])('a new query in %s asks for %s', (app, queryType) => {
  expect(dataSource().getDefaultQuery(app)).toMatchObject({ schemaVersion: 1, queryType, source: 'search', format: 'logs' });
});

test('the default limit never exceeds what one answer may read', () => {
  const source = dataSource({}, { maxEvents: 100 });
  expect(source.getDefaultQuery(CoreApp.Explore)).toMatchObject({ limit: 100 });
  expect(source.getQueryDisplayText({ refId: 'A' })).toBe('Newest 100 events');
});

test.each([
  [{}, 'Newest 500 events'],
  [{ query: 'description:login', sort: 'asc', limit: 5 }, 'Oldest 5 events where description:login'],
  [
    { queryType: 'count', groupBy: ['actor', 'actor_ip'], criteria: { outcome: ['failure', 'unknown'], flagged: true } },
    'Number of events by actor and actor IP where outcome is failure or unknown and flagged, at most 500 groups',
  ],
  [
    { queryType: 'top', source: 'queue', exclusions: { actor: ['a'], verbose: true }, criteria: { action: [], flagged: false }, limit: 9 },
    'Number of events where not flagged and actor is not a and not verbose from the queue',
  ],
  [{ queryType: 'firstSeen', groupBy: ['actor_ip'], baseline: '4w' }, 'First seen by actor IP (not in the 4w before), at most 500 groups'],
  [{ queryType: 'status', limit: 9 }, 'Plugin status'],
  [{ queryType: 'callers' }, 'Requests by caller'],
  [
    { queryType: 'top', groupBy: ['actor'], criteria: { outcome: ['success'] }, after: { criteria: { outcome: ['failure'] }, atLeast: 3 } },
    'The 500 with the most events by actor where outcome is success after at least 3 earlier ones of the same group where outcome is failure',
  ],
  [{ queryType: 'pie' }, 'Unknown query type "pie"'],
])('the history reads %j as a sentence', (query, expected) => {
  expect(dataSource().getQueryDisplayText({ refId: 'A', ...query } as AuditLogQuery)).toBe(expected);
});

describe('what a query suggests and costs', () => {
  const variables = { who: { value: 'jane' } };
  const query: AuditLogQuery = {
    refId: 'A',
    datasource: { uid: 'x' },
    query: 'login',
    criteria: { actor: ['$who'], account: ['a'] },
    exclusions: { account: ['b'], outcome: ['failure'] },
  };
  const range = { from: 1, to: 2 };

  it('respects the other conditions of the query', async () => {
    const answer = { values: [], complete: true };
    const post = jest.spyOn(DataSourceWithBackend.prototype, 'postResource').mockResolvedValue(answer);
    expect(await dataSource(variables).suggestValues({ query, field: 'account', range, prefix: 'x', requestId: 'r' }, {})).toBe(answer);
    const body = { field: 'account', from: 1, to: 2, prefix: 'x', query: 'login', criteria: { actor: ['jane'] }, exclusions: { outcome: ['failure'] } };
    expect(post).toHaveBeenCalledWith('values', body, { showErrorAlert: false, requestId: 'r' });
  });

  it('is nothing once a later request took its place, and otherwise an error in words', async () => {
    const post = jest.spyOn(DataSourceWithBackend.prototype, 'postResource').mockRejectedValueOnce({ cancelled: true });
    const suggest = () => dataSource(variables).suggestValues({ query, field: 'account', range, requestId: 'r' }, {});
    expect(await suggest()).toEqual({ values: [], complete: false });
    post.mockRejectedValueOnce({ status: 400, data: { error: 'the key is wrong' } });
    await expect(suggest()).rejects.toThrow('the key is wrong');
  });

  it('is estimated with variables and ad hoc filters filled in', async () => {
    const post = jest.spyOn(DataSourceWithBackend.prototype, 'postResource').mockResolvedValue({ calls: 2, plan: 'p' });
    const filters = [{ key: 'code', operator: '=', value: 'c' }];
    expect(await dataSource(variables).estimate({ refId: 'A', query: '$who' }, range, 'r', { filters })).toEqual({ calls: 2, plan: 'p' });
    const body = { query: { refId: 'A', query: 'jane', criteria: { code: ['c'] } }, from: 1, to: 2 };
    expect(post).toHaveBeenCalledWith('estimate', body, { showErrorAlert: false, requestId: 'r' });
  });
});

test.each([
  [undefined, 100_000, false],
  [{ maxEvents: '2500', queueEnabled: 'true' }, 2500, true],
  [{ maxEvents: 'many', queueEnabled: 'no' }, 100_000, false],
])('settings may come as strings: %j', (jsonData, maxEvents, queueEnabled) => {
  const source = dataSource({}, jsonData);
  expect(source).toMatchObject({ maxEvents, queueEnabled });
});

describe('the histogram above a log', () => {
  const ask = (...targets: AuditLogQuery[]) =>
    dataSource().getSupplementaryRequest(SupplementaryQueryType.LogsVolume, { targets } as DataQueryRequest<AuditLogQuery>);

  it('counts what the log lists, over time', () => {
    expect(dataSource().getSupportedSupplementaryQueryTypes()).toEqual([SupplementaryQueryType.LogsVolume, SupplementaryQueryType.LogsSample]);
    const log: AuditLogQuery = { refId: 'A', query: 'x', criteria: { actor: ['a'] }, fold: true, limit: 5, sort: 'asc', format: 'logs' };
    expect(ask(log)?.targets).toEqual([{ refId: 'log-volume-A', queryType: 'series', query: 'x', criteria: { actor: ['a'] }, fold: true }]);
  });

  it('leaves out what lists nothing', () => {
    expect(ask({ refId: 'A', queryType: 'count' }, { refId: 'B', hide: true })).toBeUndefined();
    expect(ask({ refId: 'A', queryType: 'count' }, { refId: 'B', queryType: 'events' })?.targets).toHaveLength(1);
  });

  const counted = (count: number, severity?: string) => ({
    refId: 'log-volume-A',
    meta: severity && { notices: [{ severity, text: 'a part' }] },
    fields: [{ name: 'count', type: 'number', values: [count] }],
  });

  it.each([
    ['while all events can be read', counted(100), ['severity']],
    ['beside a remark', counted(100, 'info'), ['severity']],
    ['not for more events', counted(101), undefined],
    ['not for a number that is a part', counted(5, 'warning'), undefined],
    ['not without a number', { refId: 'B', fields: [] }, undefined],
  ])('has the colors of severities %s', async (_, count, groupBy) => {
    const sent: DataQueryRequest<AuditLogQuery>[] = [];
    const bars = { refId: 'log-volume-A', fields: [{ name: 'count', values: [1], labels: { severity: 'error' } }, { name: 'time', values: [1] }] };
    jest.spyOn(DataSourceWithBackend.prototype, 'query').mockImplementation((request) => {
      sent.push(request as DataQueryRequest<AuditLogQuery>);
      return of({ data: [sent.length === 1 ? count : bars] as DataFrame[] });
    });
    const request = ask({ refId: 'A' });
    const { data } = await lastValueFrom(dataSource({}, { maxEvents: 100 }).query({ ...request, requestId: 'r', scopedVars: {} } as DataQueryRequest<AuditLogQuery>));
    expect(sent.map(({ targets }) => targets[0].queryType)).toEqual(['count', 'series']);
    expect(sent[0].requestId).not.toBe(sent[1].requestId);
    expect(sent[1].targets[0].groupBy).toEqual(groupBy);
    expect(data[0].fields.map(({ labels }: Field) => labels?.level)).toEqual(['error', undefined]);
  });
});

describe('some events below numbers', () => {
  const sample = (query: Partial<AuditLogQuery>) =>
    dataSource().getSupplementaryQuery({ type: SupplementaryQueryType.LogsSample, limit: 7 }, { refId: 'A', ...query });

  it.each(['count', 'series', 'top', 'firstSeen'] as const)('are those that a %s counts', (queryType) => {
    const query: Partial<AuditLogQuery> = { queryType, query: 'x', criteria: { actor: ['a'] }, groupBy: ['actor'], after: { atLeast: 2 }, fold: true, limit: 3 };
    expect(sample(query)).toEqual({ refId: 'log-sample-A', queryType: 'events', format: 'logs', query: 'x', criteria: { actor: ['a'] }, limit: 7 });
  });

  it.each<Partial<AuditLogQuery>>([{}, { queryType: 'events' }, { queryType: 'status' }, { queryType: 'count', hide: true }])('are none for %j', (query) => {
    expect(sample(query)).toBeUndefined();
  });
});

describe('older rows while somebody scrolls a log', () => {
  const ask = (...targets: object[]) => {
    const query = jest.spyOn(DataSourceWithBackend.prototype, 'query').mockReturnValue(of({ data: [] }));
    const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
    dataSource().query({ targets, range, scopedVars: {} } as unknown as DataQueryRequest<AuditLogQuery>);
    const [[asked]] = query.mock.calls;
    return [asked.range.from.valueOf(), asked.range.to.valueOf()];
  };

  it.each([
    ['infiniteScroll', [1000, 2001]],
    ['logsVolume', [1000, 2000]],
    [undefined, [1000, 2000]],
  ])('include the last millisecond: %s', (supportingQueryType, expected) => {
    expect(ask({ refId: 'A', supportingQueryType })).toEqual(expected);
  });

  it('do so when only one of several queries scrolls', () => {
    expect(ask({ refId: 'A' }, { refId: 'B', supportingQueryType: 'infiniteScroll' })).toEqual([1000, 2001]);
  });
});

describe('a variable at All in a Lucene query', () => {
  const variables = { actor: { value: '$__all', options: many }, other: { value: '$__all', options: ['a'] } };
  const ask = async (targets: AuditLogQuery[], data: object[] = [{ refId: 'A', fields: [], length: 0, meta: { notices: [{ text: 'b' }] } }]) => {
    jest.spyOn(DataSourceWithBackend.prototype, 'query').mockReturnValue(of({ data }));
    const request = { targets, scopedVars: {} } as unknown as DataQueryRequest<AuditLogQuery>;
    const answer = await lastValueFrom(dataSource(variables).query(request));
    return answer.data.map(({ refId, meta }) => [refId, ...(meta?.notices ?? []).map(({ text }: { text: string }) => text)]);
  };
  const warning = (names: string) => expect.stringContaining(`All in ${names} stands only for the values`);

  it('warns where it stands for a list', async () => {
    expect(await ask([{ refId: 'A', query: 'actor:$actor OR x' }])).toEqual([['A', 'b', warning('$actor')]]);
    expect(await ask([{ refId: 'A', query: '"$actor" "$other"' }])).toEqual([['A', 'b', warning('$actor, $other')]]);
  });

  it('warns where there is no frame', async () => {
    expect(await ask([{ refId: 'A', query: '($actor)' }], [])).toEqual([['A', warning('$actor')]]);
  });

  it('warns about the query that has it', async () => {
    const data = [{ refId: 'B' }, { refId: 'A' }, { refId: 'A' }];
    const targets = [{ refId: 'B' }, { refId: 'A', query: 'x $actor' }];
    expect(await ask(targets, data)).toEqual([['B'], ['A', warning('$actor')], ['A']]);
  });

  it.each([{ query: 'actor:$actor' }, { query: 'actor:$actor AND x' }, { criteria: { actor: ['$actor'] } }])('means all: %j', async (query) => {
    expect(await ask([{ refId: 'A', ...query }])).toEqual([['A', 'b']]);
  });

  it('is sent without its condition', () => {
    expect(apply({ query: 'actor:$actor AND x' }, variables).query).toBe('x');
  });
});

describe('filter for and filter out in Explore', () => {
  const frame = undefined;
  const toggle = (query: Partial<AuditLogQuery>, type: 'FILTER_FOR' | 'FILTER_OUT', key: string, value: string) =>
    dataSource().toggleQueryFilter({ refId: 'A', ...query }, { type, options: { key, value }, frame });

  it('edit the criteria, and leave the Lucene query alone', () => {
    const query = { query: 'x', criteria: { outcome: ['failure'] } };
    expect(toggle(query, 'FILTER_FOR', 'actor', 'a')).toEqual({ refId: 'A', query: 'x', criteria: { outcome: ['failure'], actor: ['a'] } });
    expect(toggle(query, 'FILTER_OUT', 'actor', 'a')).toEqual({ refId: 'A', ...query, exclusions: { actor: ['a'] } });
  });

  it('make a query whose variables could not be filled in a new one', () => {
    expect(toggle({ variableError: 'too many' }, 'FILTER_FOR', 'actor', 'a')).not.toHaveProperty('variableError');
  });

  it('show their state', () => {
    const has = (query: Partial<AuditLogQuery>) => dataSource().queryHasFilter({ refId: 'A', ...query }, { key: 'actor', value: 'a' });
    expect(has({ criteria: { actor: ['a'] } })).toBe(true);
    expect(has({ criteria: { actor: ['a', 'b'] } })).toBe(false);
    expect(has({})).toBe(false);
  });
});

describe('ad hoc filters of a dashboard', () => {
  const equals = (key: string, value: string) => ({ key, operator: '=', value });

  it('offer the fields and their values in the range of the dashboard', async () => {
    expect(await dataSource().getTagKeys()).toContainEqual({ text: 'Actor IP', value: 'actor_ip' });
    const get = jest.spyOn(DataSourceWithBackend.prototype, 'getResource').mockResolvedValue({ values: [{ value: 'a' }, { value: '' }] });
    const timeRange = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
    expect(await dataSource().getTagValues({ key: 'actor', filters: [], timeRange })).toEqual([{ text: 'a', value: 'a' }]);
    expect(get).toHaveBeenCalledWith('values', { field: 'actor', from: 1000, to: 2000, prefix: '' }, { showErrorAlert: false });
    expect(await dataSource().getTagValues({ key: 'flagged', filters: [] })).toHaveLength(2);
    expect(await dataSource().getTagValues({ key: 'colour', filters: [] })).toEqual([]);
  });

  it('narrow a query after its variables are filled in', () => {
    const source = dataSource({ v: { value: ['a', 'b'] }, all: { value: '$__all', options: ['a'] } });
    const filters = [equals('actor', 'b')];
    expect(source.applyTemplateVariables({ refId: 'A', criteria: { actor: ['$v'] } }, {}, filters).criteria).toEqual({ actor: ['b'] });
    expect(source.applyTemplateVariables({ refId: 'A', criteria: { actor: ['$all'] } }, {}, filters).criteria).toEqual({ actor: ['b'] });
    const [left] = source.interpolateVariablesInQueries([{ refId: 'A' }], {}, filters);
    expect(left).toMatchObject({ criteria: { actor: ['b'] } });
  });

  it('fail the query that they cannot be applied to', async () => {
    const sent = jest.spyOn(DataSourceWithBackend.prototype, 'query').mockReturnValue(of({ data: [] }));
    const filters = [equals('colour', 'red')];
    const targets: AuditLogQuery[] = [{ refId: 'A' }, { refId: 'B', queryType: 'status' }];
    const request = { targets, scopedVars: {}, filters } as unknown as DataQueryRequest<AuditLogQuery>;
    const { errors } = await lastValueFrom(dataSource().query(request));
    expect(errors).toEqual([{ refId: 'A', message: expect.stringContaining('Cannot filter by "colour"') }]);
    expect(sent.mock.calls.map(([{ targets: asked }]) => asked.map(({ refId }) => refId))).toEqual([['B']]);
    const [left] = dataSource().interpolateVariablesInQueries([targets[0]], {}, filters);
    expect(left.variableError).toContain('colour');
    expect(await dataSource().getDrilldownsApplicability({ filters })).toEqual([expect.objectContaining({ key: 'colour', applicable: false })]);
    expect(await dataSource().getDrilldownsApplicability()).toEqual([]);
  });
});

describe('what Explore changes and shows', () => {
  it('labels are grouped', () => {
    const groups = ['account', 'code', 'address', 'first', 'org_key'].map((label) => dataSource().getLabelDisplayTypeFromFrame(label));
    expect(groups).toEqual(['Who', 'What', 'Where', 'History', 'Raw']);
  });

  it('queries of other data sources are taken over, with a warning about what is lost', async () => {
    const publish = jest.fn();
    setAppEvents({ publish } as unknown as EventBus);
    const labelMatchers = [
      { name: 'actor', operator: AbstractLabelOperator.Equal, value: 'a' },
      { name: 'job', operator: AbstractLabelOperator.NotEqual, value: 'x' },
    ];
    const queries = await dataSource().importFromAbstractQueries([{ refId: 'A', labelMatchers }]);
    expect(queries).toEqual([{ refId: 'A', schemaVersion: 1, queryType: 'events', criteria: { actor: ['a'] } }]);
    expect(publish).toHaveBeenCalledWith({ type: 'alert-warning', payload: [expect.any(String), expect.stringContaining('job!="x"')] });
    expect(await dataSource().exportToAbstractQueries(queries)).toEqual([{ refId: 'A', labelMatchers: [labelMatchers[0]] }]);
  });
});

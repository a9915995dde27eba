import { dateTime, type DataQueryRequest, type DataSourceInstanceSettings } from '@grafana/data';
import { DataSourceWithBackend } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { lastValueFrom } from 'rxjs';
import { AuditLogDataSource } from '../datasource';
import { variableStrings } from '../strings/query';
import { fakeTemplates } from '../testing/templates';
import type { AuditLogOptions, FilterField } from '../types';
import { ValuesEditor } from './ValuesEditor';
import type { ValuesQuery } from './values';
import { ValuesVariables } from './ValuesVariables';

const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
const settings = { uid: 'cbc', type: 'carbonblack-auditlog-datasource', jsonData: {} } as DataSourceInstanceSettings<AuditLogOptions>;

afterEach(() => jest.restoreAllMocks());

function variable(query?: Partial<ValuesQuery>, known: Parameters<typeof fakeTemplates>[0] = {}, scopedVars = {}) {
  const { variables } = new AuditLogDataSource(settings, () => fakeTemplates({ site: { value: 'web' }, ...known }));
  if (!(variables instanceof ValuesVariables)) {
    throw new Error('the data source has no variables');
  }
  const targets = query ? [{ refId: 'v', ...query }] : [];
  return lastValueFrom(variables.query({ targets, range, scopedVars } as unknown as DataQueryRequest<ValuesQuery>));
}

describe('a dashboard variable', () => {
  const answer = { values: [{ value: 'b', count: 3 }, { value: '', count: 2 }, { value: 'a', count: 1 }], complete: true };

  it.each<[string, Partial<ValuesQuery> | undefined, FilterField, string]>([
    ['of a field', { field: 'actor_ip' }, 'actor_ip', ''],
    ['with a prefix', { field: 'actor', prefix: 'x' }, 'actor', 'x'],
    ['with another variable in the prefix', { prefix: '$site-' }, 'actor', 'web-'],
    ['that was never edited', undefined, 'actor', ''],
  ])('%s asks for its values in the range, and leaves empty ones out', async (_, query, field, prefix) => {
    const get = jest.spyOn(DataSourceWithBackend.prototype, 'getResource').mockResolvedValue(answer);
    const { data } = await variable(query);
    expect(get).toHaveBeenCalledWith('values', { field, from: 1000, to: 2000, prefix }, { showErrorAlert: false });
    expect(data).toEqual([
      { text: 'b', value: 'b', properties: { count: '3' } },
      { text: 'a', value: 'a', properties: { count: '1' } },
    ]);
  });

  it('depends on other variables, in the range of the dashboard', async () => {
    const post = jest.spyOn(DataSourceWithBackend.prototype, 'postResource').mockResolvedValue(answer);
    await variable({ field: 'account', criteria: { address: ['$site'] }, exclusions: {} }, { __from: { value: '500' }, __to: { value: '9000' } });
    expect(post).toHaveBeenCalledWith(
      'values',
      { field: 'account', from: 500, to: 9000, prefix: '', query: undefined, criteria: { address: ['web'] }, exclusions: undefined },
      { showErrorAlert: false }
    );
  });

  it.each<[string, Parameters<typeof fakeTemplates>[0], object, number, number]>([
    ['the dashboard', { __from: { value: '500' }, __to: { value: '9000' } }, {}, 500, 9000],
    ['the scope of the request', { __from: { value: '1' } }, { __from: { value: '700' }, __to: { value: '800' } }, 700, 800],
    ['the request where there is no dashboard', {}, {}, 1000, 2000],
    ['the request where only one end is known', { __from: { value: '500' } }, {}, 1000, 2000],
    ['the request where the dashboard has no numbers', { __from: { value: 'now-1h' }, __to: { value: 'now' } }, {}, 1000, 2000],
  ])('takes its time range from %s, whatever its refresh setting', async (_, known, scopedVars, from, to) => {
    const get = jest.spyOn(DataSourceWithBackend.prototype, 'getResource').mockResolvedValue(answer);
    await variable({}, known, scopedVars);
    expect(get).toHaveBeenCalledWith('values', { field: 'actor', from, to, prefix: '' }, { showErrorAlert: false });
  });

  it.each([
    [{ status: 429, data: { error: 'wait 17s' } }, 'wait 17s'],
    [{ status: 502, data: '<html>' }, 'The values could not be read. Check the connection'],
    [new Error('no network'), 'no network'],
  ])('fails in words', async (failure, words) => {
    jest.spyOn(DataSourceWithBackend.prototype, 'getResource').mockRejectedValue(failure);
    await expect(variable({})).rejects.toThrow(words);
  });
});

test('the editor writes the field and, when it is left, the prefix', async () => {
  const written: ValuesQuery[] = [];
  function Host() {
    const [query, setQuery] = useState<ValuesQuery>();
    const change = (next: ValuesQuery) => {
      written.push(next);
      setQuery(next);
    };
    const datasource = {} as AuditLogDataSource;
    return <ValuesEditor datasource={datasource} query={query as ValuesQuery} onChange={change} onRunQuery={() => undefined} />;
  }
  render(<Host />);
  const user = userEvent.setup();
  await user.type(screen.getByLabelText(variableStrings.prefix.label), 'jane');
  expect(written).toEqual([]);
  await user.tab();
  expect(written).toEqual([{ refId: 'values', prefix: 'jane' }]);
  await user.click(screen.getByTestId(variableStrings.field.testId));
  await user.click(await screen.findByRole('option', { name: /Actor IP/ }));
  expect(written.at(-1)).toEqual({ refId: 'values', prefix: 'jane', field: 'actor_ip' });
});

import { setBackendSrv, type BackendSrv, type BackendSrvRequest } from '@grafana/runtime';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { of, throwError } from 'rxjs';
import { configStrings } from '../strings/config';
import { ConfigEditor, type Props } from './ConfigEditor';

type Options = Props['options'];

const texts = configStrings.catalog;
const RULE = { pattern: 'Login failed{rest}', category: 'break_glass', action: 'knock' };

function setup(jsonData: Options['jsonData'], start: Partial<Options> = {}) {
  const state = { options: { uid: 'u/1', url: '', jsonData, secureJsonFields: {}, ...start } as Options };
  function Host() {
    const [options, setOptions] = useState(state.options);
    const change = (next: Options) => {
      state.options = next;
      setOptions(next);
    };
    return <ConfigEditor options={options} onOptionsChange={change} />;
  }
  render(<Host />);
  return { state, user: userEvent.setup({ delay: null }) };
}

function answer(route: (request: BackendSrvRequest) => unknown) {
  const requests: BackendSrvRequest[] = [];
  const fetch = (request: BackendSrvRequest) => {
    requests.push(request);
    try {
      return of({ data: route(request) });
    } catch (error) {
      return throwError(() => error);
    }
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  return requests;
}

const column = (row: HTMLElement, name: keyof typeof texts.columns) => within(row).getByLabelText(texts.columns[name], { selector: 'input' });

test('a rule is written by keyboard alone, once it is not empty', async () => {
  const { state, user } = setup({});
  await user.click(screen.getByRole('button', { name: texts.label }));
  await user.click(screen.getByRole('button', { name: texts.add }));
  expect(state.options.jsonData).toEqual({});
  const row = screen.getByRole('group', { name: texts.rule(1) });
  expect(column(row, 'pattern')).toHaveFocus();
  await user.keyboard('Backup of {{name}');
  await user.tab();
  expect(within(row).getAllByText(/Enter a word of a-z/)).toHaveLength(2);
  await user.keyboard('backup');
  await user.tab();
  await user.keyboard('create');
  expect(within(row).queryByText(/Enter a word of a-z/)).not.toBeInTheDocument();
  expect(state.options.jsonData).toEqual({ catalogRules: [{ pattern: 'Backup of {name}', category: 'backup', action: 'create' }] });
  await user.click(within(row).getByRole('button', { name: texts.remove(1) }));
  expect(state.options.jsonData).toEqual({});
  expect(screen.getByRole('button', { name: texts.add })).toHaveFocus();
});

test('an outcome is chosen from a list', async () => {
  const { state, user } = setup({ catalogRules: JSON.stringify([RULE]) });
  const row = screen.getByRole('group', { name: texts.rule(1) });
  await user.click(within(row).getByRole('combobox', { name: texts.columns.outcome }));
  await user.click(await screen.findByRole('option', { name: 'failure' }));
  expect(state.options.jsonData).toEqual({ catalogRules: [{ ...RULE, outcome: 'failure' }] });
});

test('lines are pasted', async () => {
  const { state, user } = setup({ catalogRules: [RULE] });
  await user.click(screen.getByTestId(texts.paste.testId));
  await user.paste('a\tb');
  expect(screen.getByText(/Line 1 has 2 columns/)).toBeInTheDocument();
  await user.paste('\tc\nd\te\tf');
  await user.click(screen.getByRole('button', { name: texts.addPasted }));
  expect(state.options.jsonData.catalogRules).toEqual([RULE, { pattern: 'a', category: 'b', action: 'c' }, { pattern: 'd', category: 'e', action: 'f' }]);
  expect(screen.getByTestId(texts.paste.testId)).toHaveValue('');
});

test('rules are tested before they are saved, also on a provisioned data source', async () => {
  const verdict = { category: 'c', action: 'a', outcome: 'failure', severity: 'info' };
  const requests = answer(() => ({
    classes: [
      { ...verdict, description: 'Login failed', code: 'break_glass.knock', sources: ['settings'] },
      { ...verdict, description: 'Who knows', code: 'other.unknown', sources: [] },
    ],
  }));
  const { user } = setup({ catalogRules: [RULE] }, { readOnly: true });
  expect(screen.getByRole('button', { name: texts.add })).toBeDisabled();
  await user.click(screen.getByTestId(texts.test.testId));
  await user.paste('Login failed\n\nWho knows\n');
  await user.click(screen.getByRole('button', { name: texts.run }));
  const [, first, second] = await within(screen.getByTestId(texts.result)).findAllByRole('row');
  expect(first).toHaveTextContent(/Login failed.*break_glass.knock.*a rule above/);
  expect(second).toHaveTextContent(/Who knows.*other.unknown.*no match/);
  expect(requests).toEqual([
    expect.objectContaining({
      method: 'POST',
      url: '/api/datasources/uid/u%2F1/resources/catalog/test',
      data: { rules: [RULE], descriptions: ['Login failed', 'Who knows'] },
    }),
  ]);
});

test.each([
  [{ status: 400, config: {}, data: { error: 'rules[0].pattern "{": a { has no }' } }, /a { has no }/],
  [new Error('gone'), /Grafana did not answer/],
])('a failed test is reported: %j', async (failure, words) => {
  answer(() => {
    throw failure;
  });
  const { user } = setup({ catalogRules: [RULE] });
  await user.click(screen.getByTestId(texts.test.testId));
  await user.paste('x');
  await user.click(screen.getByRole('button', { name: texts.run }));
  expect(await screen.findByText(words)).toBeInTheDocument();
});

test('stored rules that cannot be read are reported', () => {
  setup({ catalogRules: '{' });
  expect(screen.getByText(/not a list of rules/)).toBeInTheDocument();
});

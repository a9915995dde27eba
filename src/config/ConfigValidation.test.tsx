import type { DataSourceConfigValidationAPI } from '@grafana/data';
import { setBackendSrv, type BackendSrv } from '@grafana/runtime';
import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { of } from 'rxjs';
import { configProblems, configStrings } from '../strings/config';
import { ConfigEditor, type Props } from './ConfigEditor';
import { publishSteps } from './healthSteps';

type Options = Props['options'];

const texts = configStrings;

/** Grafana's side of the validation since 13.0. */
function grafanaValidation() {
  const validators = new Set<() => boolean | Promise<boolean>>();
  const errors = new Map<string, string>();
  const api: DataSourceConfigValidationAPI = {
    registerValidation: (validator) => {
      validators.add(validator);
      return () => validators.delete(validator);
    },
    validate: async () => (await Promise.all([...validators].map((validator) => validator()))).every(Boolean),
    isValid: () => errors.size === 0,
    getErrors: () => Object.fromEntries(errors),
    setError: (field, message) => void errors.set(field, message),
    clearError: (field) => void errors.delete(field),
  };
  return api;
}

function setup(start: Partial<Options> = {}, validation?: DataSourceConfigValidationAPI) {
  const state = { options: { uid: 'u1', url: '', jsonData: {}, secureJsonFields: {}, ...start } as Options };
  function Host() {
    const [options, setOptions] = useState(state.options);
    const change = (next: Options) => {
      state.options = next;
      setOptions(next);
    };
    return <ConfigEditor options={options} onOptionsChange={change} validation={validation} />;
  }
  const view = render(<Host />);
  return { state, view, user: userEvent.setup({ delay: null }) };
}

test('wrong values keep Grafana from saving, until they are corrected', async () => {
  const validation = grafanaValidation();
  const { user, view } = setup({}, validation);
  expect(await validation.validate()).toBe(true);
  await user.type(screen.getByTestId(texts.orgKey.testId), 'AB CD');
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'P3KEDZJRI8');
  expect(await validation.validate()).toBe(false);
  expect(validation.getErrors()).toEqual({ [texts.orgKey.label]: configProblems.orgKey, [texts.apiSecret.label]: configProblems.apiSecretIsId });
  await user.clear(screen.getByTestId(texts.orgKey.testId));
  await user.clear(screen.getByTestId(texts.apiSecret.testId));
  expect(await validation.validate()).toBe(true);
  expect(validation.isValid()).toBe(true);
  view.unmount();
  expect(await validation.validate()).toBe(true);
});

test('a wrong secret stays visible and is never handed over', async () => {
  const { state, user } = setup();
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'P3KEDZJRI8');
  expect(screen.getByTestId(texts.apiSecret.testId)).toHaveValue('P3KEDZJRI8');
  expect(state.options.secureJsonData).toEqual({ apiSecret: '' });
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'LONGER0000000000');
  expect(state.options.secureJsonData).toEqual({ apiSecret: 'P3KEDZJRI8LONGER0000000000' });
});

test('descriptions and errors belong to their fields', async () => {
  const { user } = setup();
  const orgKey = screen.getByTestId(texts.orgKey.testId);
  expect(orgKey).toHaveAccessibleDescription(texts.orgKey.description);
  await user.type(orgKey, 'AB CD');
  // Newer versions of Grafana's Field name the error alone.
  expect(orgKey).toHaveAccessibleDescription(expect.stringContaining(configProblems.orgKey));
  expect(orgKey).toBeInvalid();
});

test('a URL of an environment is recognized in any spelling', () => {
  setup({ url: 'HTTPS://defense-eu.conferdeploy.net:443/' });
  expect(screen.getByTestId(texts.url.testId)).toHaveValue('EU, Frankfurt (Prod06): https://defense-eu.conferdeploy.net');
});

test('an OAuth app replaces the API key, which stays stored', async () => {
  const { state, user } = setup({ jsonData: { apiId: 'P3KEDZJRI8' }, secureJsonFields: { apiSecret: true } });
  await user.click(screen.getByRole('radio', { name: texts.authMethod.oauthApp }));
  expect(screen.queryByTestId(texts.apiId.testId)).not.toBeInTheDocument();
  await user.type(screen.getByTestId(texts.oauthAppId.testId), 'app1');
  await user.type(screen.getByTestId(texts.oauthAppSecret.testId), 'word');
  expect(state.options.jsonData).toEqual({ apiId: 'P3KEDZJRI8', authMethod: 'oauthApp', oauthAppId: 'app1' });
  expect(state.options.secureJsonData).toEqual({ oauthAppSecret: 'word' });
  expect(state.options.secureJsonFields).toEqual({ apiSecret: true });
  await user.type(screen.getByTestId(texts.oauthTokenUrl.testId), 'http://token.example.com');
  expect(screen.getByText(configProblems.httpUrl)).toBeInTheDocument();
});

test('the steps of the last test are shown with their remedies', () => {
  setup();
  expect(screen.queryByTestId(texts.health.testId)).not.toBeInTheDocument();
  const steps = [
    { name: 'name', title: 'Name resolution', status: 'ok', message: 'The host is found.' },
    { name: 'apiKey', title: 'API key', status: 'failed', message: 'Not accepted.', remedy: 'Copy it again.' },
  ];
  act(() => void publishSteps('another', { details: { steps: [] } }));
  expect(screen.queryByTestId(texts.health.testId)).not.toBeInTheDocument();
  act(() => void publishSteps('u1', { details: { steps } }));
  const [first, second] = within(screen.getByTestId(texts.health.testId)).getAllByRole('listitem');
  expect(first).toHaveTextContent('Name resolution: The host is found.');
  expect(second).toHaveTextContent('API key: Not accepted. Copy it again.');
});

test('the budget is shown with what is in use', async () => {
  const urls: string[] = [];
  const fetch = ({ url }: { url: string }) => {
    urls.push(url);
    return of({ data: { budget: { limit: 600, used: 412, left: 188 } } });
  };
  setBackendSrv({ fetch } as unknown as BackendSrv);
  const { user } = setup();
  await user.click(screen.getByRole('button', { name: texts.limits.label }));
  expect(await screen.findByText(texts.budgetUse.inUse(412, 600, 188))).toBeInTheDocument();
  expect(urls).toEqual(['/api/datasources/uid/u1/resources/status']);
});

test('a data link is edited, and a wrong one keeps Grafana from saving', async () => {
  const validation = grafanaValidation();
  const { state, user } = setup({}, validation);
  await user.click(screen.getByRole('button', { name: texts.dataLinks.label }));
  await user.click(screen.getByRole('button', { name: texts.dataLinks.add }));
  expect(state.options.jsonData).toEqual({});
  const row = within(screen.getByRole('group', { name: texts.dataLinks.link(1) }));
  await user.click(row.getByLabelText(texts.dataLinks.columns.url));
  await user.paste('javascript:x');
  expect(await validation.validate()).toBe(false);
  await user.clear(row.getByLabelText(texts.dataLinks.columns.url));
  await user.paste('https://a.test/${__value.raw}');
  expect(await validation.validate()).toBe(true);
  expect(state.options.jsonData).toEqual({ dataLinks: [{ field: 'account', url: 'https://a.test/${__value.raw}' }] });
});

import { config } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { configProblems, configStrings } from '../strings/config';
import { ConfigEditor, type Props } from './ConfigEditor';

type Options = Props['options'];

const texts = configStrings;

function setup(start: Partial<Options> = {}) {
  const state = { options: { url: '', jsonData: {}, secureJsonFields: {}, ...start } as Options };
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

const open = (user: ReturnType<typeof userEvent.setup>, section: { label: string }) =>
  user.click(screen.getByRole('button', { name: section.label }));

test('a connection is written under the names of the contract', async () => {
  const { state, user } = setup({ jsonData: { maxEvents: '5000' } });
  await user.type(screen.getByLabelText(texts.url.label, { selector: 'input' }), 'http://127.0.0.1:8080/{Enter}');
  await user.type(screen.getByTestId(texts.orgKey.testId), ' ABCD1234 ');
  await user.type(screen.getByTestId(texts.apiId.testId), 'P3KEDZJRI8');
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'ABCDEFGHIJKLMNO123456789');
  await user.tab();
  expect(state.options.url).toBe('http://127.0.0.1:8080');
  expect(state.options.jsonData).toEqual({ maxEvents: '5000', orgKey: 'ABCD1234', apiId: 'P3KEDZJRI8' });
  expect(state.options.secureJsonData).toEqual({ apiSecret: 'ABCDEFGHIJKLMNO123456789' });
});

test('an environment is chosen from the list', async () => {
  const { state, user } = setup();
  await user.click(screen.getByTestId(texts.url.testId));
  await user.click(await screen.findByText(/Prod06/));
  expect(state.options.url).toBe('https://defense-eu.conferdeploy.net');
});

test.each(['Frankfurt{Enter}', 'frankfurt{Tab}'])('an environment is found by its place: %s', async (typed) => {
  const { state, user } = setup();
  await user.type(screen.getByTestId(texts.url.testId), typed);
  expect(state.options.url).toBe('https://defense-eu.conferdeploy.net');
  expect(screen.getByTestId(texts.url.testId)).toHaveValue('EU, Frankfurt (Prod06): https://defense-eu.conferdeploy.net');
});

test('a URL that is typed and left is kept', async () => {
  const { state, user } = setup({ url: 'https://defense-eu.conferdeploy.net' });
  const field = screen.getByTestId(texts.url.testId);
  await user.type(field, 'http://cbc.example.com');
  await user.tab();
  expect(state.options.url).toBe('http://cbc.example.com');
  expect(screen.getByText(/crosses the network unencrypted/)).toBeInTheDocument();
});

test('a stored secret is never shown, and can be replaced', async () => {
  const { state, user } = setup({ secureJsonFields: { apiSecret: true } });
  expect(screen.getByTestId(texts.apiSecret.testId)).toBeDisabled();
  await user.click(screen.getByRole('button', { name: 'Reset' }));
  expect(state.options.secureJsonFields).toEqual({ apiSecret: false });
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'NEW');
  expect(state.options.secureJsonData).toEqual({ apiSecret: 'NEW' });
});

test('swapped ID and secret are reported', async () => {
  const { user } = setup();
  await user.type(screen.getByTestId(texts.apiId.testId), 'ABCDEFGHIJKLMNO123456789');
  await user.type(screen.getByTestId(texts.apiSecret.testId), 'P3KEDZJRI8');
  expect(screen.getAllByText(/are swapped/)).toHaveLength(2);
});

test('the steps to create a key name both permissions', () => {
  setup();
  expect(screen.getByText('org.audits')).toBeInTheDocument();
  expect(screen.getByText('jobs.status')).toBeInTheDocument();
});

describe('limits', () => {
  it('write numbers, and drop the key when emptied', async () => {
    const { state, user } = setup();
    await open(user, texts.limits);
    const field = screen.getByTestId(texts.settleSeconds.testId);
    await user.type(field, '90');
    expect(state.options.jsonData).toEqual({ settleSeconds: 90 });
    await user.clear(field);
    expect(state.options.jsonData).toEqual({});
  });

  it('tolerate strings from provisioning', () => {
    setup({ jsonData: { requestsPerFiveMinutes: '300', settleSeconds: 'soon' } });
    expect(screen.getByTestId(texts.requestsPerFiveMinutes.testId)).toHaveValue('300');
    expect(screen.getByTestId(texts.settleSeconds.testId)).toHaveValue('soon');
    expect(screen.getAllByText(/Enter a whole number/)).toHaveLength(1);
  });

  it('do not save an invalid number, and keep it visible', async () => {
    const { state, user } = setup({ jsonData: { maxEvents: 5 } });
    const field = screen.getByTestId(texts.maxEvents.testId);
    await user.type(field, 'k');
    expect(field).toHaveValue('5k');
    expect(screen.getByText(/Enter a whole number from 1 to/)).toBeInTheDocument();
    expect(state.options.jsonData.maxEvents).toBe(5);
  });
});

describe('queue', () => {
  const WARNING = configStrings.queueWarning.title;
  const STORED_DSN = 'postgres://grafana:word@db.example.com:5432/audit';

  it('warns before it is switched on, and then asks for more', async () => {
    const { state, user } = setup();
    await open(user, texts.queue);
    expect(screen.getByText(WARNING)).toBeInTheDocument();
    expect(screen.getByText(/Give this data source an API key of its own/)).toBeInTheDocument();
    expect(screen.queryByTestId(texts.queuePollSeconds.testId)).not.toBeInTheDocument();
    await user.click(screen.getByTestId(texts.queueEnabled.testId));
    expect(state.options.jsonData).toEqual({});
    await user.click(await screen.findByRole('button', { name: texts.queueConfirm.confirm }));
    await user.type(screen.getByTestId(texts.queuePollSeconds.testId), '5');
    expect(screen.getByText(/from 10 to/)).toBeInTheDocument();
    await user.type(screen.getByTestId(texts.queuePollSeconds.testId), '0');
    expect(state.options.jsonData).toEqual({ queueEnabled: true, queuePollSeconds: 50 });
  });

  it('stays off when the confirmation is declined, and goes off without one', async () => {
    const { state, user } = setup();
    await open(user, texts.queue);
    await user.click(screen.getByTestId(texts.queueEnabled.testId));
    await user.click(await screen.findByRole('button', { name: 'Cancel' }));
    expect(state.options.jsonData).toEqual({});
    expect(screen.getByTestId(texts.queueEnabled.testId)).not.toBeChecked();
  });

  it('is switched off without a confirmation', async () => {
    const { state, user } = setup({ jsonData: { queueEnabled: true } });
    await user.click(screen.getByTestId(texts.queueEnabled.testId));
    expect(state.options.jsonData).toEqual({ queueEnabled: false });
  });

  it('is read every 60 seconds into memory by default', () => {
    setup({ jsonData: { queueEnabled: true } });
    expect(screen.getByTestId(texts.queuePollSeconds.testId)).toHaveAttribute('placeholder', '60');
    expect(screen.getByRole('radio', { name: 'Memory' })).toBeChecked();
    expect(screen.queryByTestId(texts.storeDsn.testId)).not.toBeInTheDocument();
  });

  it('explains when to use which store', () => {
    setup({ jsonData: { queueEnabled: true } });
    expect(screen.getByText(/rebuilt by a search of the last three days/)).toBeInTheDocument();
    expect(screen.getByText(/several Grafana replicas: they share one store/)).toBeInTheDocument();
  });

  it('needs the address of a database for PostgreSQL, as a secret', async () => {
    const { state, user } = setup({ jsonData: { queueEnabled: true } });
    await user.click(screen.getByRole('radio', { name: 'PostgreSQL' }));
    expect(screen.getByLabelText(`${texts.storeDsn.label} *`, { exact: false })).toBe(screen.getByTestId(texts.storeDsn.testId));
    await user.type(screen.getByTestId(texts.storeDsn.testId), 'db.example.com');
    expect(screen.getByText(configProblems.storeDsn)).toBeInTheDocument();
    await user.clear(screen.getByTestId(texts.storeDsn.testId));
    await user.type(screen.getByTestId(texts.storeDsn.testId), ` ${STORED_DSN} `);
    await user.tab();
    expect(screen.queryByText(configProblems.storeDsn)).not.toBeInTheDocument();
    expect(state.options.secureJsonData).toEqual({ storeDsn: STORED_DSN });
    expect(state.options.jsonData).toEqual({ queueEnabled: true, store: 'postgres' });
  });

  it('does not require the address while it is off', () => {
    setup({ jsonData: { queueEnabled: 'false', store: 'postgres' } });
    expect(screen.getByText(texts.storeDsn.label)).toBeInTheDocument();
    expect(screen.queryByText(`${texts.storeDsn.label} *`)).not.toBeInTheDocument();
  });

  it('never shows a stored address, keeps it beside memory, and replaces it', async () => {
    const { state, user } = setup({ jsonData: { queueEnabled: true, store: 'postgres' }, secureJsonFields: { apiSecret: true, storeDsn: true } });
    expect(screen.getByTestId(texts.storeDsn.testId)).toBeDisabled();
    await user.click(screen.getByRole('radio', { name: 'Memory' }));
    expect(screen.queryByTestId(texts.storeDsn.testId)).not.toBeInTheDocument();
    expect(state.options.secureJsonFields).toEqual({ apiSecret: true, storeDsn: true });
    await user.click(screen.getByRole('radio', { name: 'PostgreSQL' }));
    const [, resetDsn] = screen.getAllByRole('button', { name: 'Reset' });
    await user.click(resetDsn);
    expect(state.options.secureJsonFields).toEqual({ apiSecret: true, storeDsn: false });
    await user.type(screen.getByTestId(texts.storeDsn.testId), STORED_DSN);
    expect(state.options.secureJsonData).toEqual({ storeDsn: STORED_DSN });
  });

  it('is open when only the address of a database is stored', () => {
    setup({ secureJsonFields: { storeDsn: true } });
    expect(screen.getByRole('radio', { name: 'Memory' })).toBeChecked();
  });

  it('keeps an archive in PostgreSQL, which then needs its address', async () => {
    const { state, user } = setup();
    await open(user, texts.stores);
    expect(screen.queryByTestId(texts.archiveDays.testId)).not.toBeInTheDocument();
    await user.click(screen.getByRole('radio', { name: 'PostgreSQL' }));
    expect(screen.queryByText(`${texts.storeDsn.label} *`)).not.toBeInTheDocument();
    await user.type(screen.getByTestId(texts.archiveDays.testId), '365');
    expect(state.options.jsonData).toEqual({ store: 'postgres', archiveDays: 365 });
    expect(screen.getByLabelText(`${texts.storeDsn.label} *`, { exact: false })).toBe(screen.getByTestId(texts.storeDsn.testId));
  });

  it('is on when provisioning says "true"', () => {
    setup({ jsonData: { queueEnabled: 'true' } });
    expect(screen.getByTestId(texts.queueEnabled.testId)).toBeChecked();
  });
});

describe('HTTP', () => {
  it('writes the keys of the SDK', async () => {
    const { state, user } = setup();
    await open(user, texts.http);
    await user.type(screen.getByTestId(texts.timeout.testId), '20');
    await user.click(screen.getByTestId(texts.tlsAuthWithCACert.testId));
    await user.click(screen.getByTestId(texts.tlsAuth.testId));
    await user.click(screen.getByTestId(texts.tlsSkipVerify.testId));
    await user.type(screen.getByTestId(texts.tlsCACert.testId), 'ca');
    await user.type(screen.getByTestId(texts.tlsClientCert.testId), 'cert');
    await user.type(screen.getByTestId(texts.tlsClientKey.testId), 'key');
    await user.type(screen.getByTestId(texts.serverName.testId), 'proxy');
    expect(state.options.jsonData).toEqual({
      timeout: 20,
      tlsAuthWithCACert: true,
      tlsAuth: true,
      tlsSkipVerify: true,
      serverName: 'proxy',
    });
    expect(state.options.secureJsonData).toEqual({ tlsCACert: 'ca', tlsClientCert: 'cert', tlsClientKey: 'key' });
  });

  it.each([true, false])('has a secure socks switch only where Grafana has that proxy: %s', async (enabled) => {
    config.secureSocksDSProxyEnabled = enabled;
    const { user } = setup();
    await open(user, texts.http);
    expect(screen.queryAllByTestId(texts.secureSocks.testId)).toHaveLength(enabled ? 1 : 0);
  });
});

test('a provisioned data source cannot be edited', () => {
  setup({ readOnly: true, jsonData: { orgKey: 'ABCD1234' } });
  expect(screen.getByTestId(texts.orgKey.testId)).toBeDisabled();
});

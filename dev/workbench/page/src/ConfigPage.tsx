import { DataSourcePluginContextProvider, type DataSourceSettings } from '@grafana/data';
import { getBackendSrv, HealthStatus } from '@grafana/runtime';
import { Alert, Button, Field, Input, LinkButton, Stack, Text } from '@grafana/ui';
import { useEffect } from 'react';

import { getInstance, type Host, refreshSources, sourceStore } from './host';
import { createStore, useStore } from './store';

interface ConfigState {
  options?: DataSourceSettings;
  message?: { severity: 'success' | 'error'; title: string; details?: string };
}

const store = createStore<ConfigState>({});

async function load(uid: string) {
  store.set({ options: undefined, message: undefined });
  store.set({ options: await getBackendSrv().get(`/api/datasources/uid/${uid}`) });
}

async function add(host: Host) {
  const { meta } = host.plugin;
  const taken = sourceStore.get().list.length;
  const name = taken === 0 ? meta.name : `${meta.name} ${taken + 1}`;
  const created = await getBackendSrv().post('/api/datasources', { name, type: meta.id, access: 'proxy' });
  await refreshSources(host);
  window.location.hash = `#/config/${created.datasource.uid}`;
}

async function remove(host: Host, uid: string) {
  await getBackendSrv().delete(`/api/datasources/uid/${uid}`);
  await refreshSources(host);
  window.location.hash = '#/config';
}

async function saveAndTest(host: Host) {
  const { options } = store.get();
  const url = `/api/datasources/uid/${options!.uid}`;
  store.set({ message: undefined });
  try {
    await getBackendSrv().put(url, options);
    await refreshSources(host);
    store.set({ options: await getBackendSrv().get(url) });
    const result = await getInstance(options!.uid)!.testDatasource();
    const passed = [HealthStatus.OK, 'success'].includes(result.status);
    store.set({ message: { severity: passed ? 'success' : 'error', title: result.message } });
  } catch (error) {
    store.set({ message: describe(error) });
  }
}

function describe(error: unknown): ConfigState['message'] {
  const { message, data, details } = error as { message?: string; data?: { message?: string }; details?: { verboseMessage?: string } };
  return { severity: 'error', title: data?.message ?? message ?? String(error), details: details?.verboseMessage };
}

export function ConfigPage({ host, uid }: { host: Host; uid?: string }) {
  return uid ? <SourceSettings host={host} uid={uid} key={uid} /> : <SourceList host={host} />;
}

function SourceList({ host }: { host: Host }) {
  const { list } = useStore(sourceStore);
  return (
    <Stack direction="column" alignItems="flex-start" gap={2}>
      <Text element="h1">Data sources</Text>
      {list.map(({ uid, name }) => (
        <LinkButton key={uid} variant="secondary" href={`#/config/${uid}`} icon="database">
          {name}
        </LinkButton>
      ))}
      <Button icon="plus" onClick={() => add(host)}>
        Add data source
      </Button>
    </Stack>
  );
}

function SourceSettings({ host, uid }: { host: Host; uid: string }) {
  const { list } = useStore(sourceStore);
  const { options, message } = useStore(store);
  useEffect(() => {
    load(uid).catch((error) => store.set({ message: describe(error) }));
  }, [uid]);
  const settings = list.find((source) => source.uid === uid);
  const Editor = host.plugin.components.ConfigEditor;
  return (
    <Stack direction="column" gap={2}>
      <Text element="h1">Data source settings</Text>
      {options && settings && Editor && (
        <DataSourcePluginContextProvider instanceSettings={settings}>
          {options.readOnly && <Alert severity="info" title="This data source was provisioned: what is changed here lasts until the workbench stops." />}
          <Field label="Name">
            <Input id="workbench-name" width={40} value={options.name} onChange={({ currentTarget }) => store.set({ options: { ...options, name: currentTarget.value } })} />
          </Field>
          <Editor options={options} onOptionsChange={(next) => store.set({ options: next })} />
          <Stack>
            <Button variant="destructive" fill="outline" onClick={() => remove(host, uid)}>
              Delete
            </Button>
            <Button onClick={() => saveAndTest(host)}>Save & test</Button>
          </Stack>
        </DataSourcePluginContextProvider>
      )}
      {message && (
        <Alert title={message.title} severity={message.severity} data-testid="workbench health">
          {message.details}
        </Alert>
      )}
    </Stack>
  );
}

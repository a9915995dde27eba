import {
  type DataSourceApi,
  type DataSourceInstanceSettings,
  type DataSourcePlugin,
  type DataSourceRef,
  setTimeZoneResolver,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import {
  type DataSourceSrv,
  FakeEchoSrv,
  getBackendSrv,
  locationService,
  setBackendSrv,
  setDataSourceSrv,
  setEchoSrv,
  setGrafanaLiveSrv,
  setLocationSrv,
  setTemplateSrv,
} from '@grafana/runtime';
import { initializeLoggersRegistry, reloadDataSourceInstanceSettings } from '@grafana/runtime/unstable';

import { createBackend } from './backend';
import { createLive } from './live';
import { loadPlugin } from './plugin';
import { createStore } from './store';
import { Templates } from './templates';
import { type FrontendSettings } from './types';

export const templates = new Templates();

/** What the pages share. */
export interface Host {
  plugin: DataSourcePlugin<DataSourceApi>;
  role: string;
  theme: 'light' | 'dark';
}

export const sourceStore = createStore<{ list: DataSourceInstanceSettings[] }>({ list: [] });

const instances = new Map<string, DataSourceApi>();

/** Sets up what Grafana's packages expect of the application around them, in the required order. */
export async function startHost(settings: FrontendSettings, theme: Host['theme'], role: string): Promise<Host> {
  await initPluginTranslations('grafana');
  initializeLoggersRegistry();
  setTimeZoneResolver(() => 'utc');
  setBackendSrv(createBackend(role));
  setTemplateSrv(templates);
  setLocationSrv(locationService);
  setEchoSrv(new FakeEchoSrv());
  setGrafanaLiveSrv(createLive());
  const host = { plugin: await loadPlugin(settings.plugin), role, theme };
  await refreshSources(host);
  return host;
}

/** Reads the data sources, at the start and after a change. */
export async function refreshSources(host: Host) {
  // The runtime package fills its own list only while no data source service is set.
  setDataSourceSrv(undefined as unknown as DataSourceSrv);
  await reloadDataSourceInstanceSettings();
  const settings: FrontendSettings = await getBackendSrv().get('/api/frontend/settings');
  const list = Object.values(settings.datasources);
  instances.clear();
  for (const source of list) {
    const instance = new host.plugin.DataSourceClass(source);
    instance.meta = source.meta;
    instance.components = host.plugin.components;
    instances.set(source.uid, instance);
  }
  setDataSourceSrv(createSourceService(list, settings.defaultDatasource));
  sourceStore.set({ list });
}

export function getInstance(uid: string): DataSourceApi | undefined {
  return instances.get(uid);
}

function createSourceService(list: DataSourceInstanceSettings[], defaultName: string): DataSourceSrv {
  const find = (ref?: DataSourceRef | string | null) => {
    const wanted = templates.replace((typeof ref === 'string' ? ref : ref?.uid) ?? defaultName);
    return list.find(({ uid, name }) => uid === wanted || name === wanted);
  };
  return {
    get: async (ref) => {
      const instance = instances.get(find(ref)?.uid ?? '');
      if (!instance) {
        throw new Error(`Data source ${JSON.stringify(ref)} was not found`);
      }
      return instance;
    },
    getList: () => list,
    getInstanceSettings: find,
    reload: async () => {},
    registerRuntimeDataSource: () => {},
  };
}

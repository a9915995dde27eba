import { CoreApp, type DataSourceApi, DataSourcePluginContextProvider, type PanelData, rangeUtil, type TimeRange } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';
import { Alert, Button, Combobox, Stack, TimeRangeInput } from '@grafana/ui';
import { type Subscription } from 'rxjs';

import { Answer } from './Answer';
import { getInstance, sourceStore } from './host';
import { runQuery } from './query';
import { createStore, useStore } from './store';

interface ExploreState {
  uid: string;
  query?: DataQuery;
  range: TimeRange;
  data?: PanelData;
}

const store = createStore<ExploreState>({ uid: '', range: rangeUtil.convertRawToRange({ from: 'now-6h', to: 'now' }) });

let running: Subscription | undefined;

function run() {
  const { uid, query, range } = store.get();
  const instance = getInstance(uid);
  if (!instance || !query) {
    return;
  }
  const current = rangeUtil.convertRawToRange(range.raw);
  running?.unsubscribe();
  running = runQuery(instance, { app: CoreApp.Explore, range: current, targets: [query], maxDataPoints: 500 }, (data) =>
    store.set({ data })
  );
}

function defaultQuery(instance: DataSourceApi): DataQuery {
  return { refId: 'A', datasource: instance.getRef(), ...instance.getDefaultQuery?.(CoreApp.Explore) };
}

function choose(uid: string) {
  const instance = getInstance(uid);
  store.set({ uid, query: instance && defaultQuery(instance), data: undefined });
}

export function ExplorePage() {
  const { list } = useStore(sourceStore);
  const { uid, query, range, data } = useStore(store);
  const settings = list.find((source) => source.uid === uid) ?? list.find((source) => source.isDefault) ?? list[0];
  if (!settings) {
    return <Alert title="There is no data source yet" severity="info" />;
  }
  const instance = getInstance(settings.uid)!;
  const Editor = instance.components?.QueryEditor;
  const shown = settings.uid === uid && query ? query : defaultQuery(instance);
  const change = (next: DataQuery) => store.set({ uid: settings.uid, query: next });
  return (
    <Stack direction="column" gap={2}>
      <Stack wrap="wrap" alignItems="center">
        <Combobox
          aria-label="Data source"
          options={list.map(({ name, uid }) => ({ label: name, value: uid }))}
          value={settings.uid}
          onChange={({ value }) => choose(value)}
          width={40}
        />
        <TimeRangeInput value={range} onChange={(next) => store.set({ range: next })} timeZone="utc" hideTimeZone />
        <Button
          icon="sync"
          onClick={() => {
            change(store.get().uid === settings.uid ? (store.get().query ?? shown) : shown);
            run();
          }}
        >
          Run query
        </Button>
      </Stack>
      {Editor && (
        <DataSourcePluginContextProvider instanceSettings={settings}>
          <Editor
            key={settings.uid}
            datasource={instance}
            query={shown}
            onChange={change}
            onRunQuery={run}
            app={CoreApp.Explore}
            data={data}
            range={range}
            queries={[shown]}
          />
        </DataSourcePluginContextProvider>
      )}
      {data && <Answer data={data} />}
    </Stack>
  );
}

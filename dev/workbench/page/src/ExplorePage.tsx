import { CoreApp, type DataSourceApi, DataSourcePluginContextProvider, type PanelData, rangeUtil, type TimeRange } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';
import { Alert, Button, Combobox, InlineField, Stack, TimeRangeInput } from '@grafana/ui';
import { type Subscription } from 'rxjs';

import { Answer } from './Answer';
import { getInstance, sourceStore } from './host';
import { runQuery } from './query';
import { createStore, useStore } from './store';

interface ExploreState {
  /** The query of each data source. */
  queries: Record<string, DataQuery>;
  range: TimeRange;
  data?: PanelData;
  live: boolean;
}

const store = createStore<ExploreState>({ queries: {}, live: false, range: rangeUtil.convertRawToRange({ from: 'now-6h', to: 'now' }) });

let running: Subscription | undefined;

function run(uid: string) {
  const instance = getInstance(uid)!;
  const range = rangeUtil.convertRawToRange(store.get().range.raw);
  running?.unsubscribe();
  running = runQuery(instance, { app: CoreApp.Explore, range, targets: [queryOf(instance)], maxDataPoints: 500, live: store.get().live }, (data) =>
    store.set({ data })
  );
}

function queryOf(instance: DataSourceApi): DataQuery {
  return (
    store.get().queries[instance.uid] ?? {
      refId: 'A',
      datasource: instance.getRef(),
      ...instance.getDefaultQuery?.(CoreApp.Explore),
    }
  );
}

/** Starts the live view, or stops it and keeps its rows. */
function watch(uid: string, live: boolean) {
  store.set({ live });
  if (live) {
    run(uid);
  } else {
    running?.unsubscribe();
  }
}

function choose(uid: string) {
  running?.unsubscribe();
  store.set({ data: undefined, live: false });
  window.location.hash = `#/explore/${uid}`;
}

export function ExplorePage({ uid }: { uid?: string }) {
  const { list } = useStore(sourceStore);
  const { range, data, live } = useStore(store);
  const settings = list.find((source) => source.uid === uid) ?? list.find((source) => source.isDefault) ?? list[0];
  if (!settings) {
    return <Alert title="There is no data source yet" severity="info" />;
  }
  const instance = getInstance(settings.uid)!;
  const query = queryOf(instance);
  const Editor = instance.components?.QueryEditor;
  return (
    <Stack direction="column" gap={2}>
      <Stack wrap="wrap" alignItems="center">
        <InlineField label="Data source">
          <Combobox
            id="workbench-source"
            options={list.map((source) => ({ label: source.name, value: source.uid }))}
            value={settings.uid}
            onChange={({ value }) => choose(value)}
            width={40}
          />
        </InlineField>
        <TimeRangeInput value={range} onChange={(next) => store.set({ range: next })} timeZone="utc" hideTimeZone />
        <Button icon="sync" onClick={() => run(settings.uid)}>
          Run query
        </Button>
        {settings.meta.streaming && (
          <Button icon={live ? 'square-shape' : 'play'} variant="secondary" aria-pressed={live} onClick={() => watch(settings.uid, !live)}>
            Live
          </Button>
        )}
      </Stack>
      {Editor && (
        <DataSourcePluginContextProvider instanceSettings={settings}>
          <Editor
            key={settings.uid}
            datasource={instance}
            query={query}
            onChange={(next) => store.set({ queries: { ...store.get().queries, [settings.uid]: next } })}
            onRunQuery={() => run(settings.uid)}
            app={CoreApp.Explore}
            data={data}
            range={range}
            queries={[query]}
          />
        </DataSourcePluginContextProvider>
      )}
      {data && <Answer data={data} />}
    </Stack>
  );
}

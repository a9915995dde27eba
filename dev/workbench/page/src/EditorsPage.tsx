import { CoreApp, DataSourcePluginContextProvider, rangeUtil } from '@grafana/data';
import { type DataQuery } from '@grafana/schema';
import { Alert, Stack, Text } from '@grafana/ui';
import { type ComponentType, useState } from 'react';

import { getInstance, sourceStore } from './host';
import { useStore } from './store';

const range = rangeUtil.convertRawToRange({ from: 'now-6h', to: 'now' });

/** The editors that Grafana shows in the settings of a dashboard, and the help that Explore shows where no query is. */
export function EditorsPage({ uid }: { uid?: string }) {
  const { list } = useStore(sourceStore);
  const settings = list.find((source) => source.uid === uid) ?? list[0];
  const instance = settings && getInstance(settings.uid);
  const [variable, setVariable] = useState<DataQuery>({ refId: 'values' });
  const [annotation, setAnnotation] = useState<DataQuery>({ refId: 'Anno' });
  if (!settings || !instance) {
    return <Alert title="There is no data source yet" severity="info" />;
  }
  const { QueryEditor, QueryEditorHelp } = instance.components ?? {};
  // Grafana passes more to an editor of a variable than its type says.
  const { editor: VariableEditor } = (instance.variables ?? {}) as { editor?: ComponentType<Record<string, unknown>> };
  const shared = { datasource: instance, range, onRunQuery: () => undefined };
  return (
    <DataSourcePluginContextProvider instanceSettings={settings}>
      <Stack direction="column" gap={3}>
        <Text element="h1">Editors</Text>
        <section aria-label="Variable">
          {VariableEditor && <VariableEditor {...shared} query={variable} onChange={(next: DataQuery) => setVariable(next)} />}
        </section>
        <section aria-label="Annotation">
          {QueryEditor && <QueryEditor {...shared} app={CoreApp.Dashboard} query={annotation} onChange={setAnnotation} />}
        </section>
        <section aria-label="Help">
          <Text element="h2">Help</Text>
          {QueryEditorHelp && <QueryEditorHelp datasource={instance} query={annotation} onClickExample={() => undefined} />}
        </section>
      </Stack>
    </DataSourcePluginContextProvider>
  );
}

import { css } from '@emotion/css';
import { CoreApp, type GrafanaTheme2, LoadingState, type PanelData, rangeUtil, type TimeRange } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { Alert, Button, PanelChrome, Stack, Text, TimeRangeInput, useStyles2 } from '@grafana/ui';
import { type CSSProperties, useEffect, useState } from 'react';

import { getInstance, sourceStore, templates } from './host';
import { Measured } from './Measured';
import { errorText, runQuery } from './query';
import { type Dashboard, type DashboardPanel, type DashboardVariable } from './types';
import { Visual } from './visual';

export function DashboardPage({ uid }: { uid: string }) {
  const styles = useStyles2(getStyles);
  const [board, setBoard] = useState<Dashboard>();
  const [range, setRange] = useState<TimeRange>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    getBackendSrv()
      .get<{ dashboard: Dashboard }>(`/api/dashboards/uid/${uid}`)
      .then(({ dashboard }) => {
        templates.use((dashboard.templating?.list ?? []).map(resolveVariable));
        setRange(rangeUtil.convertRawToRange(dashboard.time ?? { from: 'now-6h', to: 'now' }));
        setBoard(dashboard);
      })
      .catch((error) => setProblem(errorText(error)));
  }, [uid]);
  if (problem) {
    return <Alert title={problem} />;
  }
  if (!board || !range) {
    return null;
  }
  const panels = (board.panels ?? []).flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));
  return (
    <Stack direction="column" gap={2}>
      <Stack wrap="wrap" alignItems="center" justifyContent="space-between">
        <Text element="h1">{board.title}</Text>
        <Stack>
          <TimeRangeInput value={range} onChange={setRange} timeZone="utc" hideTimeZone />
          <Button variant="secondary" icon="sync" onClick={() => setRange(rangeUtil.convertRawToRange(range.raw))}>
            Refresh
          </Button>
        </Stack>
      </Stack>
      <div className={styles.grid}>
        {panels.map((panel) => (
          <Panel key={panel.id} board={board} panel={panel} range={range} />
        ))}
      </div>
    </Stack>
  );
}

function Panel({ board, panel, range }: { board: Dashboard; panel: DashboardPanel; range: TimeRange }) {
  const [data, setData] = useState<PanelData>();
  const uid = templates.replace(panel.datasource?.uid ?? panel.targets?.[0]?.datasource?.uid ?? '');
  useEffect(() => {
    const instance = getInstance(uid);
    if (!instance || !panel.targets) {
      return undefined;
    }
    const targets = panel.targets.map((target) => ({ ...target, datasource: instance.getRef() }));
    const running = runQuery(
      instance,
      {
        app: CoreApp.Dashboard,
        range: panel.timeFrom ? rangeUtil.convertRawToRange({ from: `now-${panel.timeFrom}`, to: 'now' }) : range,
        targets,
        maxDataPoints: panel.maxDataPoints,
        minInterval: panel.interval,
        panel: { dashboardUID: board.uid, dashboardTitle: board.title, panelId: panel.id, panelName: panel.title, panelPluginId: panel.type },
      },
      setData
    );
    return () => running.unsubscribe();
  }, [board, panel, range, uid]);
  const problem = panel.targets && !getInstance(uid) ? `Data source "${uid}" was not found` : data?.errors?.map(errorText).join('; ');
  const loading = data?.state === LoadingState.Loading;
  const answered = data && !loading && !problem;
  return (
    <div style={place(panel)} aria-busy={loading} data-testid="workbench panel" data-state={problem ? 'error' : data?.state}>
      <Measured height="100%">
        {(width, height) => (
          <PanelChrome
            width={width}
            height={height}
            title={panel.title ?? ''}
            description={panel.description}
            loadingState={loading ? LoadingState.Loading : undefined}
            statusMessage={problem}
          >
            {(innerWidth, innerHeight) =>
              answered ? (
                <Visual
                  type={panel.type}
                  frames={data.series}
                  range={data.timeRange}
                  width={innerWidth}
                  height={innerHeight}
                  fieldConfig={panel.fieldConfig}
                  options={panel.options}
                />
              ) : (
                <span>{problem}</span>
              )
            }
          </PanelChrome>
        )}
      </Measured>
    </div>
  );
}

/** A data source variable without a saved value stands for the first data source. */
function resolveVariable(variable: DashboardVariable): DashboardVariable {
  const saved = variable.current?.value;
  if (variable.type !== 'datasource' || sourceStore.get().list.some(({ uid }) => uid === saved)) {
    return variable;
  }
  const [first] = sourceStore.get().list;
  return { ...variable, current: { value: first?.uid ?? '', text: first?.name ?? '' } };
}

function place({ gridPos: { x, y, w, h } }: DashboardPanel): CSSProperties {
  return { gridColumn: `${x + 1} / span ${w}`, gridRow: `${y + 1} / span ${h}`, minWidth: 0 };
}

const getStyles = (theme: GrafanaTheme2) => ({
  grid: css({ display: 'grid', gridTemplateColumns: 'repeat(24, 1fr)', gridAutoRows: 30, gap: theme.spacing(1) }),
});

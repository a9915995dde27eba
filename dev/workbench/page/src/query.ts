import {
  CoreApp,
  type DataFrame,
  type DataQueryError,
  type DataQueryRequest,
  type DataSourceApi,
  LoadingState,
  type PanelData,
  rangeUtil,
  type TimeRange,
  toDataFrame,
} from '@grafana/data';
import { type DataQuery } from '@grafana/schema';
import { from, type Subscription } from 'rxjs';

export interface RunOptions {
  app: CoreApp;
  range: TimeRange;
  targets: DataQuery[];
  maxDataPoints?: number;
  minInterval?: string;
  /** Follow events live instead of asking once, as Explore's Live button does. */
  live?: boolean;
  panel?: Pick<DataQueryRequest, 'dashboardUID' | 'dashboardTitle' | 'panelId' | 'panelName' | 'panelPluginId'>;
}

let requests = 0;

/** Queries the data source like a panel or Explore, and reports each state of the answer. Unsubscribing cancels. */
export function runQuery(instance: DataSourceApi, options: RunOptions, tell: (data: PanelData) => void): Subscription {
  const request = createRequest(instance, options);
  const told = (state: LoadingState, series: DataFrame[], errors?: DataQueryError[]) =>
    tell({ state, series, errors, error: errors?.[0], timeRange: options.range, request });
  if (request.targets.length === 0) {
    told(LoadingState.Done, []);
    return from([]).subscribe();
  }
  told(LoadingState.Loading, []);
  return from(instance.query(request)).subscribe({
    next: (response) => {
      const errors = response.errors ?? (response.error ? [response.error] : undefined);
      const state = response.state ?? (errors ? LoadingState.Error : LoadingState.Done);
      told(state, response.data.map((frame) => toDataFrame(frame)), errors);
    },
    error: (error: DataQueryError) => told(LoadingState.Error, [], [error]),
  });
}

function createRequest(instance: DataSourceApi, options: RunOptions): DataQueryRequest {
  const { app, range, panel, maxDataPoints = 500, minInterval, live } = options;
  const { interval, intervalMs } = rangeUtil.calculateInterval(range, maxDataPoints, minInterval);
  return {
    ...panel,
    app,
    range,
    liveStreaming: live,
    interval,
    intervalMs,
    maxDataPoints,
    requestId: `W${++requests}`,
    scopedVars: { __interval: { value: interval }, __interval_ms: { value: intervalMs } },
    startTime: Date.now(),
    targets: options.targets.filter((target) => !target.hide && instance.filterQuery?.(target) !== false),
    timezone: 'utc',
  };
}

/** Returns the message of an error. */
export function errorText(error: DataQueryError): string {
  return error.data?.message ?? error.message ?? error.data?.error ?? error.statusText ?? 'Unknown error';
}

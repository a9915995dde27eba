import { css } from '@emotion/css';
import {
  applyFieldOverrides,
  type DataFrame,
  FieldMatcherID,
  FieldType,
  getDisplayProcessor,
  getFieldDisplayName,
  getFieldMatcher,
  type GrafanaTheme2,
  type TimeRange,
} from '@grafana/data';
import { LegendDisplayMode, TooltipDisplayMode, type VizLegendOptions } from '@grafana/schema';
import { BigValue, BigValueColorMode, BigValueGraphMode, Table, TimeSeries, TooltipPlugin, useStyles2, useTheme2 } from '@grafana/ui';

import { LogList } from './LogList';
import { configure, flatten } from './frames';
import { type DashboardPanel } from './types';

interface Props {
  /** A panel type, or "auto" for the one that the frames prefer. */
  type: string;
  frames: DataFrame[];
  range: TimeRange;
  width: number;
  height: number;
  fieldConfig?: DashboardPanel['fieldConfig'];
  options?: DashboardPanel['options'];
}

const legend: VizLegendOptions = { displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true, calcs: [] };

/** Draws frames with Grafana's components, or as a table where its packages have none. */
export function Visual(props: Props) {
  const theme = useTheme2();
  const styles = useStyles2(getStyles);
  const filled = props.frames.filter((frame) => frame.fields.length > 0 && frame.length > 0);
  if (filled.length === 0) {
    return <div className={styles.empty}>{props.fieldConfig?.defaults?.noValue ?? 'No data'}</div>;
  }
  const frames = applyFieldOverrides({
    data: filled.map((frame) => configure(frame, filled, props.fieldConfig)),
    fieldConfig: { defaults: {}, overrides: [] },
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  switch (props.type === 'auto' ? preferred(frames) : props.type) {
    case 'logs':
      return <LogList frames={frames} height={props.height} />;
    case 'timeseries':
      return <Chart {...props} frames={frames} />;
    case 'stat':
      return <Stats {...props} frames={frames} />;
    default:
      return <Table data={flatten(frames, theme)} width={props.width} height={props.height} ariaLabel="Table" />;
  }
}

export function preferred(frames: DataFrame[]): string {
  const meta = frames[0]?.meta;
  if (meta?.preferredVisualisationType === 'logs') {
    return 'logs';
  }
  return meta?.type?.startsWith('timeseries') ? 'timeseries' : 'table';
}

function Chart({ frames, range, width, height }: Props) {
  return (
    <div data-testid="workbench chart" role="img" aria-label="Chart">
      <TimeSeries frames={frames} timeRange={range} timeZone="utc" width={width} height={height} legend={legend}>
        {(config, data) => <TooltipPlugin config={config} data={data} mode={TooltipDisplayMode.Multi} timeZone="utc" />}
      </TimeSeries>
    </div>
  );
}

/** Shows one big number per value, the last one of each series; a panel may name its fields. */
function Stats({ frames, width, height, options }: Props) {
  const theme = useTheme2();
  const styles = useStyles2(getStyles);
  const fields = options?.reduceOptions?.fields;
  const wanted = fields ? getFieldMatcher({ id: FieldMatcherID.byRegexp, options: fields }) : () => true;
  const values = frames.flatMap((frame) =>
    frame.fields
      .filter((field) => field.type === FieldType.number && wanted(field, frame, frames))
      .map((field) => {
        const display = field.display ?? getDisplayProcessor({ field, theme });
        return { ...display(field.values[field.values.length - 1]), title: getFieldDisplayName(field, frame, frames) };
      })
  );
  const each = Math.floor(width / Math.max(values.length, 1));
  return (
    <div className={styles.stats}>
      {values.map((value, index) => (
        <BigValue
          key={index}
          value={values.length === 1 ? { ...value, title: undefined } : value}
          width={each}
          height={height}
          theme={theme}
          colorMode={BigValueColorMode.Value}
          graphMode={BigValueGraphMode.None}
        />
      ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  empty: css({ color: theme.colors.text.secondary, padding: theme.spacing(2), textAlign: 'center' }),
  stats: css({ display: 'flex' }),
});

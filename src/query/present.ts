import { type DataFrame, type DataQueryResponse, type Field, FieldColorModeId, FieldType, MappingType } from '@grafana/data';
import { sentenceStrings } from '../strings/query';

/** The fields whose values have one color everywhere, as in the dashboards that come with the plugin. */
const COLORS: Record<string, Record<string, string>> = {
  outcome: { success: 'green', failure: 'red', unknown: 'gray' },
  severity: { info: 'blue', warning: 'orange', error: 'red', critical: 'purple' },
};

/** Prepares an answer for the logs views of Grafana, which list the severity of a line from its labels and from its column. */
export function presentLogs(response: DataQueryResponse): DataQueryResponse {
  return { ...response, data: response.data.map(hideSeverityColumn) };
}

/** Prepares an answer for Explore, which has no options for tables and graphs: numbers get their groups, series their colors. */
export function presentInExplore(response: DataQueryResponse): DataQueryResponse {
  const numbers = response.data.filter(isGroupedNumber);
  const tables = [...new Set(numbers.map(({ refId }) => refId))].map((refId) => tableOf(numbers.filter((frame) => frame.refId === refId)));
  const others = response.data.filter((frame: DataFrame) => !isGroupedNumber(frame)).map(colorSeries);
  return { ...response, data: [...others, ...tables] };
}

function hideSeverityColumn(frame: DataFrame): DataFrame {
  if (frame.meta?.preferredVisualisationType !== 'logs') {
    return frame;
  }
  const hide = (field: Field): Field =>
    field.name === 'severity' ? { ...field, config: { ...field.config, custom: { ...field.config.custom, hidden: true } } } : field;
  return { ...frame, fields: frame.fields.map(hide) };
}

function isGroupedNumber({ meta, fields }: DataFrame): boolean {
  return meta?.type === 'numeric-multi' && fields.some(({ labels }) => labels && Object.keys(labels).length > 0);
}

/** Makes one table of the numbers of all groups, in their order. */
function tableOf(frames: DataFrame[]): DataFrame {
  const [first] = frames;
  const numbers = frames.flatMap(({ fields }) => fields);
  const groups = [...new Set(numbers.flatMap(({ labels = {} }) => Object.keys(labels)))];
  const notices = frames.flatMap(({ meta }) => meta?.notices ?? []);
  const unique = notices.filter(({ text }, index) => notices.findIndex((other) => other.text === text) === index);
  return {
    ...first,
    length: numbers.length,
    meta: { ...first.meta, type: undefined, preferredVisualisationType: 'table', ...(unique.length > 0 && { notices: unique }) },
    fields: [
      ...groups.map((name) => groupColumn(name, numbers.map(({ labels }) => labels?.[name] ?? ''))),
      { name: 'count', type: FieldType.number, config: {}, values: numbers.flatMap(({ values }) => values.slice(0, 1)) },
    ],
  };
}

function groupColumn(name: string, values: string[]): Field {
  const mappings = [{ type: MappingType.ValueToText as const, options: { '': { text: sentenceStrings.none } } }];
  return { name, type: FieldType.string, config: { filterable: true, mappings }, values };
}

function colorSeries(frame: DataFrame): DataFrame {
  const color = (field: Field): Field => {
    const fixedColor = colorOf(field);
    return fixedColor ? { ...field, config: { ...field.config, color: { mode: FieldColorModeId.Fixed, fixedColor } } } : field;
  };
  return frame.meta?.type === 'timeseries-multi' ? { ...frame, fields: frame.fields.map(color) } : frame;
}

/** Returns the color of a series of one group; nothing where several groups would share it. */
function colorOf({ labels = {} }: Field): string | undefined {
  const [[name, value] = [], ...others] = Object.entries(labels);
  return name && others.length === 0 ? COLORS[name]?.[value ?? ''] : undefined;
}

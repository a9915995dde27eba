import {
  createTheme,
  type DataFrame,
  type Field,
  FieldColorModeId,
  type FieldConfig,
  FieldType,
  getDisplayProcessor,
  getFieldDisplayName,
  getFieldMatcher,
  type GrafanaTheme2,
} from '@grafana/data';
import { cloneDeep, set } from 'lodash';

import { type DashboardPanel } from './types';

/**
 * Applies the configuration of a panel to its fields. Grafana uses a registry of all panel options; here every option is
 * simply set.
 */
export function configure(frame: DataFrame, frames: DataFrame[], panel: DashboardPanel['fieldConfig'] = {}): DataFrame {
  const overrides = (panel.overrides ?? []).map(({ matcher, properties }) => ({ matches: getFieldMatcher(matcher), properties }));
  const fields = frame.fields.map((field) => {
    const config: FieldConfig = {
      color: { mode: FieldColorModeId.PaletteClassic },
      ...cloneDeep(field.type === FieldType.time ? {} : panel.defaults),
      ...field.config,
    };
    if (field.type === FieldType.number) {
      // Colors by name and the legend must use the same name.
      config.displayName ??= getFieldDisplayName(field, frame, frames);
    }
    for (const { matches, properties } of overrides) {
      if (matches(field, frame, frames)) {
        properties.forEach(({ id, value }) => set(config, id, value));
      }
    }
    return { ...field, config };
  });
  return { ...frame, fields };
}

/**
 * Returns one table of all frames: a single frame unchanged; several, which carry their dimensions in labels, with one row per
 * value and one column per label.
 */
export function flatten(frames: DataFrame[], theme: GrafanaTheme2 = createTheme()): DataFrame {
  if (frames.length === 1 && !frames[0].fields.some(({ labels }) => labels && Object.keys(labels).length > 0)) {
    return frames[0];
  }
  const rows: Row[] = frames.flatMap(rowsOf);
  const labels = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))];
  const column = (name: string, type: FieldType, values: unknown[]): Field => {
    const field: Field = { name, type, values, config: {} };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    return field;
  };
  const fields = labels.map((label) => column(label, FieldType.string, rows.map((row) => row.labels[label] ?? '')));
  if (rows.some((row) => row.time !== undefined)) {
    fields.unshift(column('time', FieldType.time, rows.map((row) => row.time)));
  }
  fields.push(column(rows[0]?.name ?? 'value', FieldType.number, rows.map((row) => row.value)));
  return { fields, length: rows.length };
}

interface Row {
  name: string;
  labels: Record<string, string>;
  time?: number;
  value: number;
}

function rowsOf(frame: DataFrame): Row[] {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  return frame.fields
    .filter((field) => field.type === FieldType.number)
    .flatMap((field) =>
      field.values.map((value, index) => ({
        name: field.name,
        labels: field.labels ?? {},
        time: time?.values[index],
        value,
      }))
    );
}

import { createTheme, type DataFrame, type Field, FieldType, getDisplayProcessor, type GrafanaTheme2 } from '@grafana/data';

/**
 * One table of all frames: as it is for a single one, and for several, which carry their dimensions in labels, with a
 * row a value and a column a label.
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

import { css } from '@emotion/css';
import type { DataSourceApi, GrafanaTheme2, QueryEditorProps } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { useId, useState } from 'react';
import { DescribedInput } from '../components/DescribedInput';
import { EditorField } from '../components/EditorField';
import { PickOne } from '../components/Pickers';
import { FilterLine } from '../editor/FilterLine';
import { FIELD_OPTIONS } from '../query/fields';
import { fromRows, toRows } from '../query/filterRows';
import { variableStrings } from '../strings/query';
import type { AuditLogOptions, AuditLogQuery, FilterField } from '../types';
import { DEFAULT_VALUES_FIELD, type ValuesQuery } from './values';

const texts = variableStrings;

type Props = QueryEditorProps<DataSourceApi<AuditLogQuery, AuditLogOptions>, AuditLogQuery, AuditLogOptions, ValuesQuery>;

/** The editor of a dashboard variable. */
export function ValuesEditor({ query, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const fieldId = useId();
  const prefixId = useId();
  // A variable that was never edited has no query object.
  const current: ValuesQuery = { ...(typeof query === 'object' ? query : {}), refId: query?.refId || 'values' };
  // Every change requests the values again, so the text counts when the field is left.
  const [prefix, setPrefix] = useState(current.prefix ?? '');
  const accept = () => prefix !== (current.prefix ?? '') && onChange({ ...current, prefix });
  return (
    <div className={styles.row} data-testid={texts.container}>
      <EditorField label={texts.field.label} labelId={fieldId} hint={texts.field.hint}>
        <PickOne
          label={texts.field.label}
          labelledBy={fieldId}
          testId={texts.field.testId}
          options={FIELD_OPTIONS}
          value={current.field ?? DEFAULT_VALUES_FIELD}
          width={24}
          onChange={(field) => onChange({ ...current, field: field as FilterField })}
        />
      </EditorField>
      <EditorField label={texts.prefix.label} htmlFor={prefixId} hint={texts.prefix.hint}>
        <DescribedInput
          id={prefixId}
          data-testid={texts.prefix.testId}
          width={24}
          placeholder={texts.prefix.placeholder}
          value={prefix}
          onChange={(event) => setPrefix(event.currentTarget.value)}
          onBlur={accept}
          onKeyDown={(event) => event.key === 'Enter' && accept()}
        />
      </EditorField>
      <FilterLine
        rows={toRows({ criteria: current.criteria ?? {}, exclusions: current.exclusions ?? {} })}
        onChange={(rows) => onChange({ ...current, ...fromRows(rows) })}
      />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  row: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(2) }),
});

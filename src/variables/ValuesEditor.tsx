import { css } from '@emotion/css';
import type { DataSourceApi, GrafanaTheme2, QueryEditorProps } from '@grafana/data';
import { Input, useStyles2 } from '@grafana/ui';
import { useId, useState } from 'react';
import { EditorField } from '../components/EditorField';
import { PickOne } from '../components/Pickers';
import { ALL_FIELDS, FIELD_NAMES } from '../query/fields';
import { selectors } from '../selectors';
import type { AuditLogOptions, AuditLogQuery, FilterField } from '../types';
import { DEFAULT_VALUES_FIELD, type ValuesQuery } from './values';

const texts = selectors.variableEditor;
const OPTIONS = FIELD_NAMES.map((name) => ({ value: name, label: ALL_FIELDS[name].label, description: ALL_FIELDS[name].hint }));

type Props = QueryEditorProps<DataSourceApi<AuditLogQuery, AuditLogOptions>, AuditLogQuery, AuditLogOptions, ValuesQuery>;

/** The editor of a dashboard variable. */
export function ValuesEditor({ query, onChange }: Props) {
  const styles = useStyles2(getStyles);
  const fieldId = useId();
  const prefixId = useId();
  // A variable that was never edited has no query object.
  const current: ValuesQuery = { ...(typeof query === 'object' ? query : {}), refId: query?.refId || 'values' };
  // Every change asks for the values anew: the text counts when the field is left.
  const [prefix, setPrefix] = useState(current.prefix ?? '');
  const accept = () => prefix !== (current.prefix ?? '') && onChange({ ...current, prefix });
  return (
    <div className={styles.row} data-testid={texts.container}>
      <EditorField label={texts.field.label} labelId={fieldId} hint="The values of this field, most frequent first, at most 1,000">
        <PickOne
          label={texts.field.label}
          labelledBy={fieldId}
          testId={texts.field.testId}
          options={OPTIONS}
          value={current.field ?? DEFAULT_VALUES_FIELD}
          width={24}
          onChange={(field) => onChange({ ...current, field: field as FilterField })}
        />
      </EditorField>
      <EditorField label={texts.prefix.label} htmlFor={prefixId} hint="Only values that begin with this text, in upper or lower case">
        <Input
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
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  row: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(2) }),
});

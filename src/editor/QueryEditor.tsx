import { css } from '@emotion/css';
import type { GrafanaTheme2, QueryEditorProps } from '@grafana/data';
import { Alert, Button, InlineSwitch, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useId } from 'react';
import { EditorField } from '../components/EditorField';
import { FieldWords } from '../components/fieldWords';
import { PickMany } from '../components/Pickers';
import type { AuditLogDataSource } from '../datasource';
import { AVAILABLE } from '../query/available';
import { isAlertApp, isOwnShape, SCHEMA_VERSION, withDefaults } from '../query/defaults';
import { ALL_FIELDS, FIELD_NAMES } from '../query/fields';
import { fromRows, toRows, type FilterRow } from '../query/filterRows';
import { baselineProblem, findProblems, limitProblem, parseCount, unknownKeys, type ProblemKey } from '../query/problems';
import { selectors } from '../selectors';
import type { After, AuditLogOptions, AuditLogQuery, FilterField, QueryShape } from '../types';
import { AfterField } from './AfterField';
import { ALERT_HINTS, FORMATS, ORDERS, shapesFor, sourcesFor } from './choices';
import { DraftField } from './DraftField';
import { EditorTools } from './EditorTools';
import { FilterRows } from './FilterRows';
import { LuceneField } from './LuceneField';

export type Props = QueryEditorProps<AuditLogDataSource, AuditLogQuery, AuditLogOptions>;

const texts = selectors.queryEditor;

/** The shapes that can ask for what came before. */
const GROUP_SHAPES: QueryShape[] = ['count', 'series', 'top'];
const EXAMPLE_AFTER: After = { criteria: { outcome: ['failure'] }, atLeast: 5 };

export function QueryEditor({ app, datasource, query, onChange, onRunQuery, data, range }: Props) {
  const styles = useStyles2(getStyles);
  const complete = withDefaults(query, datasource.maxEvents);
  const { queryType, source } = complete;
  const forAlert = isAlertApp(app);
  const sources = sourcesFor(AVAILABLE.queue && datasource.queueEnabled, source);
  const problems = findProblems(query, datasource);
  const problemAt = (key: ProblemKey) => problems.find(({ at }) => at === key)?.message;
  const keysProblem = problemAt('keys');
  const groups = GROUP_SHAPES.includes(queryType) && complete.groupBy.length > 0;

  const edit = (change: Partial<AuditLogQuery>) => onChange(compact({ ...query, schemaVersion: SCHEMA_VERSION, ...change }));
  const editAndRun = (change: Partial<AuditLogQuery>) => {
    edit(change);
    onRunQuery();
  };
  const editRows = (rows: FilterRow[]) => {
    edit(fromRows(rows));
    if (conditions(rows) !== conditions(toRows(complete))) {
      onRunQuery();
    }
  };
  const dropUnknownKeys = () => {
    const unknown = unknownKeys(query);
    editAndRun(Object.fromEntries(unknown.map((key) => [key, undefined])));
  };

  return (
    <div className={styles.editor} data-testid={texts.container}>
      <div className={styles.line}>
        <Choice
          texts={texts.shape}
          options={shapesFor(forAlert, queryType)}
          value={queryType}
          error={problemAt('shape')}
          onChange={(value) => editAndRun({ queryType: value })}
        />
        {!isOwnShape(queryType) && (sources.length > 1 || source !== 'search') && (
          <Choice
            texts={texts.source}
            options={sources}
            value={source}
            error={problemAt('source')}
            onChange={(value) => editAndRun({ source: value })}
          />
        )}
      </div>
      {!isOwnShape(queryType) && (
        <>
          {forAlert && AVAILABLE[queryType] && (
            <div className={styles.hint} role="note" data-testid={texts.alertHint}>
              {ALERT_HINTS[queryType]}
            </div>
          )}
          {(source !== 'queue' || complete.query !== '') && (
            <LuceneField
              value={complete.query}
              error={problemAt('lucene')}
              onChange={(text) => edit({ query: text })}
              onRunQuery={onRunQuery}
            />
          )}
          <FieldWords.Provider value={datasource.fieldWords}>
            <FilterRows rows={toRows(complete)} error={problemAt('filters')} onChange={editRows} />
          </FieldWords.Provider>
          <div className={styles.line}>
            {queryType === 'events' ? (
              <>
                {!forAlert && (
                  <Choice
                    texts={texts.format}
                    options={FORMATS}
                    value={complete.format}
                    error={problemAt('format')}
                    onChange={(value) => editAndRun({ format: value })}
                  />
                )}
                <Choice
                  texts={texts.sort}
                  options={ORDERS}
                  value={complete.sort}
                  error={problemAt('sort')}
                  onChange={(value) => editAndRun({ sort: value })}
                />
              </>
            ) : (
              <GroupBy values={complete.groupBy} error={problemAt('groupBy')} onChange={(groupBy) => editAndRun({ groupBy })} />
            )}
            {queryType === 'firstSeen' && (
              <DraftField
                texts={texts.baseline}
                hint="The time before the window in which a group must not have occurred."
                value={complete.baseline}
                problem={baselineProblem}
                onChange={(baseline) => edit({ baseline })}
                onRunQuery={onRunQuery}
              />
            )}
            <DraftField
              texts={texts.limit}
              hint={queryType === 'events' ? 'The most events to show.' : 'The most groups to show, largest first.'}
              value={String(complete.limit)}
              problem={(text) => limitProblem(parseCount(text), datasource.maxEvents)}
              numeric
              onChange={(text) => edit({ limit: Number(text) })}
              onRunQuery={onRunQuery}
            />
            {(queryType !== 'firstSeen' || complete.fold !== false) && (
              <Fold value={complete.fold} error={problemAt('fold')} onChange={(fold) => editAndRun({ fold })} />
            )}
            {groups && complete.after === undefined && (
              <Button size="sm" variant="secondary" fill="text" onClick={() => editAndRun({ after: EXAMPLE_AFTER })}>
                {texts.after.add}
              </Button>
            )}
          </div>
          {complete.after !== undefined && (
            <AfterField
              after={complete.after}
              error={problemAt('after')}
              onChange={(after) => edit({ after })}
              onRunQuery={onRunQuery}
            />
          )}
        </>
      )}
      {keysProblem && (
        <Alert severity="warning" title={keysProblem} data-testid={texts.problems}>
          <Button variant="secondary" size="sm" onClick={dropUnknownKeys}>
            {texts.removeUnknownKeys}
          </Button>
        </Alert>
      )}
      {!isOwnShape(queryType) && <EditorTools app={app} datasource={datasource} query={query} data={data} range={range} onEdit={editAndRun} />}
    </div>
  );
}

interface ChoiceProps<T> {
  texts: { label: string; testId: string };
  options: { value: T; label: string; description: string }[];
  value: T;
  error?: string;
  onChange: (value: T) => void;
}

function Choice<T>({ texts: { label, testId }, options, value, error, onChange }: ChoiceProps<T>) {
  const styles = useStyles2(getStyles);
  return (
    <EditorField label={label} error={error}>
      <div data-testid={testId}>
        <RadioButtonGroup className={styles.choice} aria-label={label} options={options} value={value} onChange={onChange} />
      </div>
    </EditorField>
  );
}

interface GroupByProps {
  values: FilterField[];
  error?: string;
  onChange: (values: FilterField[]) => void;
}

const GROUP_OPTIONS = FIELD_NAMES.map((name) => ({ value: name, label: ALL_FIELDS[name].label, description: ALL_FIELDS[name].hint }));

function GroupBy({ values, error, onChange }: GroupByProps) {
  const id = useId();
  const { label, placeholder, testId } = texts.groupBy;
  return (
    <EditorField label={label} htmlFor={id} labelId={`${id}-label`} hint="One result for each combination of these fields." error={error}>
      <PickMany
        id={id}
        labelledBy={`${id}-label`}
        label={label}
        testId={testId}
        placeholder={placeholder}
        options={GROUP_OPTIONS}
        values={values}
        invalid={Boolean(error)}
        onChange={(picked) => onChange(picked as FilterField[])}
      />
    </EditorField>
  );
}

interface FoldProps {
  value: boolean;
  error?: string;
  onChange: (value: boolean | undefined) => void;
}

function Fold({ value, error, onChange }: FoldProps) {
  const id = useId();
  const { label, testId } = texts.fold;
  return (
    <EditorField
      label={label}
      htmlFor={id}
      hint="Carbon Black Cloud writes several rows for one edit of a policy. Folded, they are one event and count once."
      error={error}
    >
      <InlineSwitch
        id={id}
        data-testid={testId}
        value={value === true}
        onChange={({ currentTarget }) => onChange(currentTarget.checked || undefined)}
      />
    </EditorField>
  );
}

/** What of the rows takes part in the search; a row without values does not. */
function conditions(rows: FilterRow[]): string {
  return JSON.stringify(rows.filter(({ value }) => !Array.isArray(value) || value.length > 0));
}

function compact(query: AuditLogQuery): AuditLogQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as AuditLogQuery;
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1), minWidth: 0 }),
  line: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1, 2) }),
  choice: css({ flexWrap: 'wrap', height: 'auto' }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});

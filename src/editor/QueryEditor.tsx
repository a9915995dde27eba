import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import { useEffect, useRef } from 'react';
import { changeType } from '../query/changeType';
import { isAlertApp, isPanelApp, isPluginQuery, SCHEMA_VERSION, withDefaults, type CompleteQuery } from '../query/defaults';
import { findProblems, unknownKeys, type ProblemKey } from '../query/problems';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { DAY_MS, type MillisecondRange } from '../variables/values';
import { MODES, queryTypesFor, sourcesFor } from './choices';
import { Conditions } from './Conditions';
import { Choice, StoredAfter } from './controls';
import { useEditorMode } from './editorMode';
import { EditorTools } from './EditorTools';
import { Line } from './Line';
import { Options } from './Options';
import { PresetMenu } from './PresetMenu';
import { presetsFor } from './presets';
import type { EditorProps, TypeEditorProps } from './props';
import { EDITORS } from './queryTypes';
import { Sentence } from './Sentence';
import { shownRange } from './shownRange';
import { useSortOfPanel } from './sortOfPanel';
import { type ReadValues, Suggest } from './suggest';

const texts = queryStrings;

/** Edits a query: what it shows and of which events, then the controls of its type. */
export function QueryEditor({ app, datasource, query, onChange, onRunQuery, data, range }: EditorProps) {
  const styles = useStyles2(getStyles);
  const complete = withDefaults(query, datasource.maxEvents);
  const { queryType, source } = complete;
  const [mode, setMode] = useEditorMode(complete);
  const forAlert = isAlertApp(app);
  const sources = sourcesFor(datasource.queueEnabled, source);
  const problems = findProblems(query, datasource);
  const problemAt = (key: ProblemKey) => problems.find(({ at }) => at === key)?.message;

  // A control may edit and run before Grafana passes the edited query back.
  const latest = useRef(query);
  useEffect(() => {
    latest.current = query;
  });
  // An edited query is a new one: the variables that could not be filled in are no longer its problem.
  const edit = (change: Partial<AuditLogQuery>) => {
    latest.current = compact({ ...latest.current, schemaVersion: SCHEMA_VERSION, variableError: undefined, ...change });
    onChange(latest.current);
  };
  /** Runs the query, unless the editor already shows what is wrong with it. */
  const run = () => {
    if (findProblems(latest.current, datasource).length === 0) {
      onRunQuery();
    }
  };
  const editAndRun = (change: Partial<AuditLogQuery>) => {
    edit(change);
    run();
  };
  useSortOfPanel(queryType === 'events' && isPanelApp(app), (order) => order !== withDefaults(latest.current).sort && editAndRun({ sort: order }));
  // A stored query of an unknown type is edited like a list of events, until another type is chosen.
  const editor = queryType in EDITORS ? EDITORS[queryType] : EDITORS.events;
  const props: TypeEditorProps = { query: complete, datasource, forAlert, problemAt, edit, editAndRun, onRunQuery: run };
  const readValues: ReadValues = (field, prefix, id) =>
    datasource.suggestValues(
      { field, prefix, query, range: shownRange({ data, range }) ?? lastDay(), requestId: `${datasource.uid}-values-${id}` },
      { scopedVars: data?.request?.scopedVars, filters: data?.request?.filters }
    );

  return (
    <div className={styles.editor} data-testid={texts.container}>
      <Line>
        <Choice
          texts={texts.queryType}
          options={queryTypesFor(forAlert, queryType)}
          value={queryType}
          error={problemAt('queryType')}
          onChange={(value) => editAndRun(changeType(query, value, datasource.maxEvents))}
        />
        {editor && (
          <>
            {(sources.length > 1 || source !== 'search') && (
              <Choice
                texts={texts.source}
                options={sources}
                value={source}
                error={problemAt('source')}
                onChange={(value) => editAndRun({ source: value })}
              />
            )}
            <div className={styles.presets}>
              <PresetMenu presets={presetsFor(forAlert)} onPick={editAndRun} />
            </div>
            {(source !== 'queue' || complete.query !== '') && (
              <Choice texts={texts.mode} options={MODES} value={mode} onChange={setMode} />
            )}
            <Suggest.Provider value={readValues}>
              <Conditions {...props} mode={mode} onMode={setMode} />
            </Suggest.Provider>
          </>
        )}
      </Line>
      {forAlert && !isPluginQuery(queryType) && (
        <div className={styles.hint} role="note" data-testid={texts.alertHint}>
          {texts.alertHints[queryType]}
        </div>
      )}
      {editor?.Main && (
        <Line>
          <editor.Main {...props} />
        </Line>
      )}
      {editor && <StoredAfter {...props} />}
      {editor && <Sentence datasource={datasource} query={query} data={data} range={range} valid={problems.length === 0 && !query.variableError} />}
      <QueryAlerts query={query} keysProblem={problemAt('keys')} editAndRun={editAndRun} />
      {editor && (
        <div className={styles.foot}>
          <Options summary={editor.summary(complete, forAlert)} needed={needsOptions(complete, datasource.maxEvents, problemAt)}>
            <editor.Options {...props} />
          </Options>
          <EditorTools app={app} datasource={datasource} query={query} data={data} range={range} onEdit={editAndRun} />
        </div>
      )}
    </div>
  );
}

const OPTION_KEYS: ProblemKey[] = ['format', 'sort', 'line', 'limit', 'fold'];

/** Reports whether an option has a problem or a note. */
function needsOptions({ limit }: CompleteQuery, maxEvents: number, problemAt: TypeEditorProps['problemAt']): boolean {
  return limit > maxEvents || OPTION_KEYS.some((key) => problemAt(key) !== undefined);
}

/** The time range that suggestions come from where the editor has none. */
function lastDay(): MillisecondRange {
  const to = Date.now();
  return { from: to - DAY_MS, to };
}

interface QueryAlertsProps {
  query: AuditLogQuery;
  keysProblem?: string;
  editAndRun: (change: Partial<AuditLogQuery>) => void;
}

/** Shows what is wrong with the query as a whole. */
function QueryAlerts({ query, keysProblem, editAndRun }: QueryAlertsProps) {
  const removeUnknownKeys = () => editAndRun(Object.fromEntries(unknownKeys(query).map((key) => [key, undefined])));
  return (
    <>
      {query.variableError && (
        <Alert severity="error" title={texts.variables.title} data-testid={texts.variables.testId}>
          <p>{query.variableError}</p>
          <Button variant="secondary" size="sm" onClick={() => editAndRun({ variableError: undefined })}>
            {texts.variables.ignore}
          </Button>
        </Alert>
      )}
      {keysProblem && (
        <Alert severity="warning" title={keysProblem} data-testid={texts.problems}>
          <Button variant="secondary" size="sm" onClick={removeUnknownKeys}>
            {texts.removeUnknownKeys}
          </Button>
        </Alert>
      )}
    </>
  );
}

function compact(query: AuditLogQuery): AuditLogQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as AuditLogQuery;
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1), minWidth: 0 }),
  presets: css({ alignSelf: 'flex-start', paddingTop: theme.spacing(2.75) }),
  foot: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(0.5, 1), minWidth: 0 }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import { useEffect, useRef } from 'react';
import { changeType } from '../query/changeType';
import { isAlertApp, isPluginQuery, SCHEMA_VERSION, withDefaults } from '../query/defaults';
import { findProblems, unknownKeys, type ProblemKey } from '../query/problems';
import { queryStrings } from '../strings/query';
import type { AuditLogQuery } from '../types';
import { queryTypesFor, sourcesFor } from './choices';
import { Choice } from './controls';
import { EditorTools } from './EditorTools';
import { Line } from './Line';
import type { EditorProps } from './props';
import { EDITORS } from './queryTypes';
import { EventsEditor } from './queryTypes/EventsEditor';

const texts = queryStrings;

/** Edits a query: its type and source here, the rest in the editor of its type. */
export function QueryEditor({ app, datasource, query, onChange, onRunQuery, data, range }: EditorProps) {
  const styles = useStyles2(getStyles);
  const complete = withDefaults(query, datasource.maxEvents);
  const { queryType, source } = complete;
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
  // A stored query of an unknown type is edited like a list of events, until another type is chosen.
  const TypeEditor = queryType in EDITORS ? EDITORS[queryType] : EventsEditor;

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
        {TypeEditor && (sources.length > 1 || source !== 'search') && (
          <Choice
            texts={texts.source}
            options={sources}
            value={source}
            error={problemAt('source')}
            onChange={(value) => editAndRun({ source: value })}
          />
        )}
      </Line>
      {forAlert && !isPluginQuery(queryType) && (
        <div className={styles.hint} role="note" data-testid={texts.alertHint}>
          {texts.alertHints[queryType]}
        </div>
      )}
      {TypeEditor && (
        <TypeEditor
          query={complete}
          datasource={datasource}
          forAlert={forAlert}
          problemAt={problemAt}
          edit={edit}
          editAndRun={editAndRun}
          onRunQuery={run}
        />
      )}
      <QueryAlerts query={query} keysProblem={problemAt('keys')} editAndRun={editAndRun} />
      {TypeEditor && <EditorTools app={app} datasource={datasource} query={query} data={data} range={range} onEdit={editAndRun} />}
    </div>
  );
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
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});

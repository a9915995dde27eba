import {
  type CoreApp,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  LoadingState,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';
import { map, type Observable, of } from 'rxjs';
import { readBoolean, readNumber } from './config/settings';
import { DEFAULT_MAX_EVENTS, defaultQuery } from './query/defaults';
import { displayText } from './query/displayText';
import type { AuditLogOptions, AuditLogQuery } from './types';
import type { Templates } from './variables/capture';
import { interpolateQuery, variableProblem } from './variables/interpolate';

export class AuditLogDataSource extends DataSourceWithBackend<AuditLogQuery, AuditLogOptions> {
  /** Grafana's own query editor for annotations serves: an annotation is a query for events. */
  annotations = {};
  /** The most events one answer may read; also the highest limit of a query. */
  readonly maxEvents: number;
  readonly queueEnabled: boolean;

  constructor(
    settings: DataSourceInstanceSettings<AuditLogOptions>,
    private readonly templates: () => Templates = getTemplateSrv as () => Templates
  ) {
    super(settings);
    this.maxEvents = readNumber(settings.jsonData?.maxEvents) ?? DEFAULT_MAX_EVENTS;
    this.queueEnabled = readBoolean(settings.jsonData?.queueEnabled);
  }

  getDefaultQuery(app: CoreApp): Partial<AuditLogQuery> {
    return defaultQuery(app, this.maxEvents);
  }

  /** An empty Lucene text is a question too: everything in the window. */
  filterQuery(query: AuditLogQuery): boolean {
    return !query.hide;
  }

  getQueryDisplayText(query: AuditLogQuery): string {
    return displayText(query, this.maxEvents);
  }

  /** A query whose variables cannot be filled in fails alone; the others of its panel are answered. */
  query(request: DataQueryRequest<AuditLogQuery>): Observable<DataQueryResponse> {
    const errors = request.targets.flatMap((query) => {
      const message = variableProblem(query, this.templates(), request.scopedVars);
      return message ? [{ refId: query.refId, message }] : [];
    });
    if (errors.length === 0) {
      return super.query(request);
    }
    const targets = request.targets.filter(({ refId }) => !errors.some((error) => error.refId === refId));
    const answers: Observable<DataQueryResponse> = targets.length > 0 ? super.query({ ...request, targets }) : of({ data: [] });
    return answers.pipe(map((answer) => ({ ...answer, state: LoadingState.Error, errors: [...(answer.errors ?? []), ...errors] })));
  }

  applyTemplateVariables(query: AuditLogQuery, scopedVars: ScopedVars): AuditLogQuery {
    return interpolateQuery(query, this.templates(), scopedVars);
  }

  interpolateVariablesInQueries(queries: AuditLogQuery[], scopedVars: ScopedVars): AuditLogQuery[] {
    return queries.map((query) => ({ ...this.applyTemplateVariables(query, scopedVars), datasource: this.getRef() }));
  }
}

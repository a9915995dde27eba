import {
  type AnnotationSupport,
  type CoreApp,
  type DataQueryError,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type DataSourceWithSupplementaryQueriesSupport,
  LoadingState,
  type ScopedVars,
  type SupplementaryQueryOptions,
  SupplementaryQueryType,
  type TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime';
import { map, type Observable, of, startWith } from 'rxjs';
import { wordsOfRules } from './config/rules';
import { readBoolean, readNumber } from './config/settings';
import { tail, tailProblem } from './live/tail';
import { DEFAULT_MAX_EVENTS, DEFAULT_SETTLE_SECONDS, defaultQuery } from './query/defaults';
import { displayText } from './query/displayText';
import { VOLUME_POINTS, volumeQuery } from './query/volume';
import type { AuditLogOptions, AuditLogQuery, FilterField } from './types';
import type { Templates } from './variables/capture';
import { interpolateQuery, variableProblem } from './variables/interpolate';
import { inWords, type FieldValues } from './variables/values';
import { ValuesVariables } from './variables/ValuesVariables';

export class AuditLogDataSource
  extends DataSourceWithBackend<AuditLogQuery, AuditLogOptions>
  implements DataSourceWithSupplementaryQueriesSupport<AuditLogQuery>
{
  /**
   * Grafana's own query editor for annotations serves: an annotation is a query for events. It asks the search whatever it
   * says: that somebody opens a dashboard must not consume the queue.
   */
  annotations: AnnotationSupport<AuditLogQuery> = {
    prepareQuery: ({ target }) => (target?.source === 'queue' ? { ...target, source: 'search' } : target),
  };
  /** The most events one answer may read; also the highest limit of a query. */
  readonly maxEvents: number;
  readonly queueEnabled: boolean;
  /** How late an event may be. */
  readonly settleSeconds: number;
  /** Words that the rules of this data source add to categories and actions. */
  readonly fieldWords: { category: string[]; action: string[] };

  constructor(
    settings: DataSourceInstanceSettings<AuditLogOptions>,
    private readonly templates: () => Templates = getTemplateSrv as () => Templates
  ) {
    super(settings);
    this.maxEvents = readNumber(settings.jsonData?.maxEvents) ?? DEFAULT_MAX_EVENTS;
    this.queueEnabled = readBoolean(settings.jsonData?.queueEnabled);
    this.settleSeconds = readNumber(settings.jsonData?.settleSeconds) ?? DEFAULT_SETTLE_SECONDS;
    this.fieldWords = wordsOfRules(settings.jsonData?.catalogRules);
    this.variables = new ValuesVariables(
      (field, range, prefix) => this.getValues(field, range, prefix),
      (text) => this.templates().replace(text)
    );
  }

  /** The values of a field in a time range, most frequent first, at most 1,000. It never reads the queue. */
  async getValues(field: FilterField, range: TimeRange, prefix = ''): Promise<FieldValues> {
    const parameters = { field, from: range.from.valueOf(), to: range.to.valueOf(), prefix };
    try {
      return await this.getResource<FieldValues>('values', parameters, { showErrorAlert: false });
    } catch (failure) {
      throw inWords(failure);
    }
  }

  getDefaultQuery(app: CoreApp): Partial<AuditLogQuery> {
    return defaultQuery(app, this.maxEvents);
  }

  /** An empty Lucene text is a question too: everything in the window. */
  filterQuery(query: AuditLogQuery): boolean {
    return !query.hide;
  }

  /** Explore draws a histogram of the whole time range above the log, not only of the lines that it shows. */
  getSupportedSupplementaryQueryTypes(): SupplementaryQueryType[] {
    return [SupplementaryQueryType.LogsVolume];
  }

  getSupplementaryQuery({ type }: SupplementaryQueryOptions, query: AuditLogQuery): AuditLogQuery | undefined {
    return type === SupplementaryQueryType.LogsVolume && !query.hide ? volumeQuery(query) : undefined;
  }

  getSupplementaryRequest(type: SupplementaryQueryType, request: DataQueryRequest<AuditLogQuery>): DataQueryRequest<AuditLogQuery> | undefined {
    const targets = request.targets.flatMap((query) => this.getSupplementaryQuery({ type } as SupplementaryQueryOptions, query) ?? []);
    return targets.length > 0 ? { ...request, targets, maxDataPoints: VOLUME_POINTS } : undefined;
  }

  getQueryDisplayText(query: AuditLogQuery): string {
    return displayText(query, this.maxEvents);
  }

  /**
   * A query whose variables cannot be filled in, or that cannot be watched live when that is asked for, fails alone; the others
   * of its panel are answered.
   */
  query(request: DataQueryRequest<AuditLogQuery>): Observable<DataQueryResponse> {
    const errors = request.targets.flatMap((query) => {
      const message = variableProblem(query, this.templates(), request.scopedVars) ?? (request.liveStreaming ? tailProblem(query) : undefined);
      return message ? [{ refId: query.refId, message }] : [];
    });
    const targets = request.targets.filter(({ refId }) => !errors.some((error) => error.refId === refId));
    if (request.liveStreaming) {
      return this.tail(targets, errors, request.scopedVars);
    }
    if (errors.length === 0) {
      return super.query(request);
    }
    const answers: Observable<DataQueryResponse> = targets.length > 0 ? super.query({ ...request, targets }) : of({ data: [] });
    return answers.pipe(map((answer) => ({ ...answer, state: LoadingState.Error, errors: [...(answer.errors ?? []), ...errors] })));
  }

  /** Errors come first and on their own: what is watched goes on under them. */
  private tail(targets: AuditLogQuery[], errors: DataQueryError[], scopedVars: ScopedVars): Observable<DataQueryResponse> {
    const streams = tail(this.uid, targets.map((query) => this.applyTemplateVariables(query, scopedVars)));
    return errors.length > 0 ? streams.pipe(startWith({ key: 'tail-errors', data: [], state: LoadingState.Error, errors })) : streams;
  }

  applyTemplateVariables(query: AuditLogQuery, scopedVars: ScopedVars): AuditLogQuery {
    return interpolateQuery(query, this.templates(), scopedVars);
  }

  interpolateVariablesInQueries(queries: AuditLogQuery[], scopedVars: ScopedVars): AuditLogQuery[] {
    return queries.map((query) => ({ ...this.applyTemplateVariables(query, scopedVars), datasource: this.getRef() }));
  }
}

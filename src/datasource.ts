import {
  type AbstractQuery,
  type AdHocVariableFilter,
  AppEvents,
  CoreApp,
  type DataQueryError,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceGetDrilldownsApplicabilityOptions,
  type DataSourceGetRecommendedDrilldownsOptions,
  type DataSourceGetTagValuesOptions,
  type DataSourceInstanceSettings,
  type DataSourceWithLogsContextSupport,
  type DataSourceWithLogsLabelTypesSupport,
  type DataSourceWithQueryExportSupport,
  type DataSourceWithQueryImportSupport,
  type DataSourceWithQueryModificationSupport,
  type DataSourceWithSupplementaryQueriesSupport,
  type DataSourceWithToggleableQueryFiltersSupport,
  type DrilldownRecommendation,
  type DrilldownsApplicability,
  getDefaultTimeRange,
  LoadingState,
  type LogRowContextOptions,
  type LogRowModel,
  type MetricFindValue,
  type QueryFilterOptions,
  type QueryFixAction,
  type ScopedVars,
  type SupplementaryQueryOptions,
  SupplementaryQueryType,
  type ToggleFilterAction,
} from '@grafana/data';
import { DataSourceWithBackend, getAppEvents, getTemplateSrv } from '@grafana/runtime';
import { createElement, type ReactNode } from 'react';
import { lastValueFrom, map, type Observable, of, startWith } from 'rxjs';
import { adhocProblemOf, applicabilityOf, applyAdhocFilters } from './adhoc/adhoc';
import { wordsOfRules } from './config/rules';
import { publishSteps } from './config/healthSteps';
import { annotationSupport } from './dashboards/annotations';
import { defaultLinks, defaultVariables } from './dashboards/defaults';
import { applyGroupByKeys, groupByKeys, recommendDrilldowns } from './dashboards/drilldowns';
import { readBoolean, readNumber } from './config/settings';
import { watchSortOfPanels } from './editor/sortOfPanel';
import { tail, tailProblem } from './live/tail';
import { contextQuery, contextRequest, type ContextScope } from './logs/context';
import { ContextScopePicker } from './logs/ContextScopePicker';
import { labelGroup } from './logs/labelGroups';
import { exportQuery, importQuery } from './query/abstractQueries';
import { DEFAULT_MAX_EVENTS, DEFAULT_REQUESTS, DEFAULT_SETTLE_SECONDS, defaultQuery } from './query/defaults';
import { displayText } from './query/displayText';
import { type Estimate, readEstimate } from './query/estimate';
import { ALL_FIELDS, FIELD_NAMES, isFlagField, isListField } from './query/fields';
import { hasFilter, toggleFilterFor, toggleFilterOut } from './query/filters';
import { addNotices, type QueryNotice } from './query/notices';
import { presentInExplore, presentLogs } from './query/present';
import { includeScrolledInstant } from './query/scroll';
import { MODIFICATIONS, modifyQuery } from './query/textFilter';
import { readSuggestions, readValues, type SuggestionRequest } from './query/values';
import { isVolume, queryVolume, sampleQuery, VOLUME_POINTS, volumeQuery } from './query/volume';
import { importStrings } from './strings/query';
import type { AuditLogOptions, AuditLogQuery, FilterField } from './types';
import type { Templates } from './variables/capture';
import { interpolateQuery, leaveDashboard, variableProblem, variableWarning } from './variables/interpolate';
import { type FieldValues, type MillisecondRange, toError, type ValuesFilter } from './variables/values';
import { ValuesVariables } from './variables/ValuesVariables';

/** What a dashboard fills into a query. */
type FilledWith = Partial<Pick<DataQueryRequest, 'scopedVars' | 'filters'>>;

export class AuditLogDataSource
  extends DataSourceWithBackend<AuditLogQuery, AuditLogOptions>
  implements
    DataSourceWithLogsContextSupport<AuditLogQuery>,
    DataSourceWithLogsLabelTypesSupport,
    DataSourceWithQueryExportSupport<AuditLogQuery>,
    DataSourceWithQueryImportSupport<AuditLogQuery>,
    DataSourceWithQueryModificationSupport<AuditLogQuery>,
    DataSourceWithSupplementaryQueriesSupport<AuditLogQuery>,
    DataSourceWithToggleableQueryFiltersSupport<AuditLogQuery>
{
  annotations = annotationSupport;
  /** The maximum number of events that one query reads; also the highest limit of a query. */
  readonly maxEvents: number;
  readonly queueEnabled: boolean;
  /** The requests that the data source may send in five minutes. */
  readonly requestsPerFiveMinutes: number;
  /** How long after its time an event may still arrive. */
  readonly settleSeconds: number;
  /** Categories and actions that the catalog rules of this data source add. */
  readonly fieldWords: { category: string[]; action: string[] };
  /** Grafana offers to choose how far the context of a log line reaches. */
  readonly supportsAdjustableWindow = true;
  private contextScope: ContextScope = 'everyone';

  constructor(
    settings: DataSourceInstanceSettings<AuditLogOptions>,
    private readonly templates: () => Templates = getTemplateSrv as () => Templates
  ) {
    super(settings);
    watchSortOfPanels();
    this.maxEvents = readNumber(settings.jsonData?.maxEvents) ?? DEFAULT_MAX_EVENTS;
    this.requestsPerFiveMinutes = readNumber(settings.jsonData?.requestsPerFiveMinutes) ?? DEFAULT_REQUESTS;
    this.queueEnabled = readBoolean(settings.jsonData?.queueEnabled);
    this.settleSeconds = readNumber(settings.jsonData?.settleSeconds) ?? DEFAULT_SETTLE_SECONDS;
    this.fieldWords = wordsOfRules(settings.jsonData?.catalogRules);
    this.variables = new ValuesVariables(
      (field, range, prefix, filter) => (filter ? this.postValues(field, range, prefix, filter) : this.getValues(field, range, prefix)),
      (text, scopedVars) => this.templates().replace(text, scopedVars),
      (filter, scopedVars) => interpolateQuery({ refId: 'values', ...filter }, this.templates(), scopedVars)
    );
  }

  /** The config page shows the steps of the test. */
  async callHealthCheck() {
    return publishSteps(this.uid, await super.callHealthCheck());
  }

  /** Returns the values of a field in a time range. */
  async getValues(field: FilterField, range: MillisecondRange, prefix?: string): Promise<FieldValues> {
    return readValues(this, { field, range, prefix });
  }

  /** Returns the values of a field that the other conditions of a query leave. */
  async suggestValues({ query, ...request }: SuggestionRequest, { scopedVars = {}, filters }: FilledWith): Promise<FieldValues> {
    return readSuggestions(this, { ...request, query: this.applyTemplateVariables(query, scopedVars, filters) });
  }

  /** Estimates what a query costs. It asks the backend only, which sends nothing. */
  async estimate(query: AuditLogQuery, range: MillisecondRange, requestId: string, { scopedVars = {}, filters }: FilledWith): Promise<Estimate> {
    return readEstimate(this, this.applyTemplateVariables(query, scopedVars, filters), range, requestId);
  }

  /** Returns the values of a field among the events that match a filter. */
  private async postValues(field: FilterField, range: MillisecondRange, prefix: string | undefined, { query, criteria, exclusions }: ValuesFilter) {
    try {
      return await this.postResource<FieldValues>('values', { field, ...range, prefix, query, criteria, exclusions }, { showErrorAlert: false });
    } catch (failure) {
      throw toError(failure);
    }
  }

  /** Explore calls this for "filter for" and "filter out" on labels and cells. */
  toggleQueryFilter({ variableError: _, ...query }: AuditLogQuery, { type, options: { key, value } }: ToggleFilterAction): AuditLogQuery {
    return type === 'FILTER_FOR' ? toggleFilterFor(query, key, value) : toggleFilterOut(query, key, value);
  }

  queryHasFilter(query: AuditLogQuery, { key, value }: QueryFilterOptions): boolean {
    return hasFilter(query, key, value);
  }

  /** Explore calls this for text that somebody selects in a log line. */
  modifyQuery({ variableError: _, ...query }: AuditLogQuery, action: QueryFixAction): AuditLogQuery {
    return modifyQuery(query, action);
  }

  getSupportedQueryModifications(): string[] {
    return MODIFICATIONS;
  }

  getLabelDisplayTypeFromFrame(label: string): string {
    return labelGroup(label);
  }

  /** Takes over the queries of another data source, in Explore. What filters cannot express is named. */
  async importFromAbstractQueries(queries: AbstractQuery[]): Promise<AuditLogQuery[]> {
    const imported = queries.map(importQuery);
    const dropped = imported.flatMap((one) => one.dropped);
    if (dropped.length > 0) {
      getAppEvents()?.publish({ type: AppEvents.alertWarning.name, payload: [importStrings.title, importStrings.dropped(dropped)] });
    }
    return imported.map(({ query }) => query);
  }

  async exportToAbstractQueries(queries: AuditLogQuery[]): Promise<AbstractQuery[]> {
    return queries.map(exportQuery);
  }

  /** Returns the events before or after a log line, in the scope that was chosen last. */
  async getLogRowContext(row: LogRowModel, options?: LogRowContextOptions, query?: AuditLogQuery): Promise<DataQueryResponse> {
    return lastValueFrom(this.query(contextRequest(row, contextQuery(row, this.contextScope, query), options)));
  }

  /** Grafana opens this query in a split view or another tab. */
  async getLogRowContextQuery(row: LogRowModel, _options?: LogRowContextOptions, query?: AuditLogQuery): Promise<AuditLogQuery> {
    return contextQuery(row, this.contextScope, query);
  }

  getLogRowContextUi({ labels }: LogRowModel, runContextQuery?: () => void): ReactNode {
    const onChange = (scope: ContextScope) => {
      this.contextScope = scope;
      runContextQuery?.();
    };
    return createElement(ContextScopePicker, { labels, initial: this.contextScope, onChange });
  }

  /** Returns the fields that ad hoc filters of a dashboard can use. */
  async getTagKeys(): Promise<MetricFindValue[]> {
    return FIELD_NAMES.map((value) => ({ text: ALL_FIELDS[value].label, value }));
  }

  async getGroupByKeys(): Promise<MetricFindValue[]> {
    return groupByKeys();
  }

  async getRecommendedDrilldowns(options?: DataSourceGetRecommendedDrilldownsOptions<AuditLogQuery>): Promise<DrilldownRecommendation> {
    return recommendDrilldowns(options);
  }

  async getDefaultVariables() {
    return defaultVariables(this);
  }

  async getDefaultLinks() {
    return defaultLinks();
  }

  async getTagValues({ key, timeRange = getDefaultTimeRange() }: DataSourceGetTagValuesOptions<AuditLogQuery>): Promise<MetricFindValue[]> {
    if (isFlagField(key)) {
      return ['true', 'false'].map((value) => ({ text: value, value }));
    }
    if (!isListField(key)) {
      return [];
    }
    const { values } = await this.getValues(key, { from: timeRange.from.valueOf(), to: timeRange.to.valueOf() });
    return values.filter(({ value }) => value !== '').map(({ value }) => ({ text: value, value }));
  }

  async getDrilldownsApplicability(options?: DataSourceGetDrilldownsApplicabilityOptions<AuditLogQuery>): Promise<DrilldownsApplicability[]> {
    return applicabilityOf(options?.filters);
  }

  getDefaultQuery(app: CoreApp): Partial<AuditLogQuery> {
    return defaultQuery(app, this.maxEvents);
  }

  /** Explore draws a histogram of the whole time range above a log, and shows some of the events below numbers. */
  getSupportedSupplementaryQueryTypes(): SupplementaryQueryType[] {
    return [SupplementaryQueryType.LogsVolume, SupplementaryQueryType.LogsSample];
  }

  getSupplementaryQuery(options: SupplementaryQueryOptions, query: AuditLogQuery): AuditLogQuery | undefined {
    if (query.hide) {
      return undefined;
    }
    return options.type === SupplementaryQueryType.LogsVolume ? volumeQuery(query) : sampleQuery(query, options.limit);
  }

  getSupplementaryRequest(type: SupplementaryQueryType, request: DataQueryRequest<AuditLogQuery>): DataQueryRequest<AuditLogQuery> | undefined {
    const targets = request.targets.flatMap((query) => this.getSupplementaryQuery({ type } as SupplementaryQueryOptions, query) ?? []);
    const points = type === SupplementaryQueryType.LogsVolume ? { maxDataPoints: VOLUME_POINTS } : {};
    return targets.length > 0 ? { ...request, targets, ...points } : undefined;
  }

  getQueryDisplayText(query: AuditLogQuery): string {
    return displayText(query, this.maxEvents);
  }

  /**
   * A hidden query is not asked. That is decided here instead of by filterQuery, because the preview of an alert rule leaves out what
   * filterQuery rejects, while the rule evaluates hidden queries, too.
   * A query whose variables cannot be filled in, or that cannot be followed live when that is requested, fails alone; the
   * others of its panel are answered.
   */
  query(dashboardRequest: DataQueryRequest<AuditLogQuery>): Observable<DataQueryResponse> {
    const visible = dashboardRequest.targets.filter(({ hide }) => !hide);
    const request = applyGroupByKeys({ ...dashboardRequest, targets: visible });
    const errors = this.findErrors(request);
    const targets = request.targets.filter(({ refId }) => !errors.some((error) => error.refId === refId));
    const notices = this.findNotices(targets, request.scopedVars);
    if (request.liveStreaming) {
      return this.tail({ ...request, targets }, [...errors, ...notices.map(({ refId, text }) => ({ refId, message: text }))]);
    }
    const response = targets.length > 0 ? this.ask({ ...request, targets }) : of<DataQueryResponse>({ data: [] });
    const answer = notices.length > 0 ? response.pipe(map((part) => addNotices(part, notices))) : response;
    const presented = answer.pipe(map(presentLogs), map((part) => (request.app === CoreApp.Explore ? presentInExplore(part) : part)));
    return errors.length > 0 ? presented.pipe(map((part) => addErrors(part, errors))) : presented;
  }

  private ask(request: DataQueryRequest<AuditLogQuery>): Observable<DataQueryResponse> {
    const send = (part: DataQueryRequest<AuditLogQuery>) => super.query(part);
    return isVolume(request) ? queryVolume(request, this.maxEvents, send) : send(includeScrolledInstant(request));
  }

  private findErrors({ targets, scopedVars, filters, liveStreaming }: DataQueryRequest<AuditLogQuery>): DataQueryError[] {
    return targets.flatMap((query) => {
      const message =
        variableProblem(query, this.templates(), scopedVars) ?? adhocProblemOf(query, filters) ?? (liveStreaming ? tailProblem(query) : undefined);
      return message ? [{ refId: query.refId, message }] : [];
    });
  }

  private findNotices(targets: AuditLogQuery[], scopedVars: ScopedVars): QueryNotice[] {
    return targets.flatMap((query) => {
      const text = this.variableWarning(query, scopedVars);
      return text ? [{ refId: query.refId, text }] : [];
    });
  }

  /** Describes what a query may miss because of a variable at All; nothing when it misses nothing. */
  variableWarning(query: AuditLogQuery, scopedVars: ScopedVars): string | undefined {
    return variableWarning(query, this.templates(), scopedVars);
  }

  /** Errors are sent first, on their own: the streams go on beside them. */
  private tail({ targets, scopedVars, filters }: DataQueryRequest<AuditLogQuery>, errors: DataQueryError[]): Observable<DataQueryResponse> {
    const streams = tail(this.uid, targets.map((query) => this.applyTemplateVariables(query, scopedVars, filters)));
    return errors.length > 0 ? streams.pipe(startWith({ key: 'tail-errors', data: [], state: LoadingState.Error, errors })) : streams;
  }

  /** Throws where the values of several variables multiply to too many. */
  applyTemplateVariables(query: AuditLogQuery, scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): AuditLogQuery {
    return applyAdhocFilters(interpolateQuery(query, this.templates(), scopedVars), filters);
  }

  /** Grafana calls this where queries leave a dashboard, for example on the way to Explore, which must open in any case. */
  interpolateVariablesInQueries(queries: AuditLogQuery[], scopedVars: ScopedVars, filters?: AdHocVariableFilter[]): AuditLogQuery[] {
    return queries.map((query) => {
      const filled = leaveDashboard(query, this.templates(), scopedVars);
      const variableError = filled.variableError ?? adhocProblemOf(query, filters);
      return { ...(variableError ? { ...query, variableError } : applyAdhocFilters(filled, filters)), datasource: this.getRef() };
    });
  }
}

function addErrors(response: DataQueryResponse, errors: DataQueryError[]): DataQueryResponse {
  return { ...response, state: LoadingState.Error, errors: [...(response.errors ?? []), ...errors] };
}

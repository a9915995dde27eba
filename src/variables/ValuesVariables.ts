import {
  CustomVariableSupport,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  type MetricFindValue,
  type ScopedVars,
} from '@grafana/data';
import { defer, type Observable } from 'rxjs';
import type { AuditLogOptions, AuditLogQuery, FilterField } from '../types';
import { DEFAULT_VALUES_FIELD, type FieldValues, type MillisecondRange, type ValuesFilter, type ValuesQuery } from './values';
import { ValuesEditor } from './ValuesEditor';

type GetValues = (field: FilterField, range: MillisecondRange, prefix?: string, filter?: ValuesFilter) => Promise<FieldValues>;
type Interpolate = (text: string, scopedVars?: ScopedVars) => string;
type InterpolateFilter = (filter: ValuesFilter, scopedVars?: ScopedVars) => ValuesFilter;

/** Dashboard variables with the values of a field. An empty value is left out: as a filter it would mean no condition. */
export class ValuesVariables extends CustomVariableSupport<DataSourceApi<AuditLogQuery, AuditLogOptions>, ValuesQuery> {
  editor = ValuesEditor;

  constructor(
    private readonly getValues: GetValues,
    private readonly interpolate: Interpolate,
    private readonly interpolateFilter: InterpolateFilter
  ) {
    super();
  }

  query(request: DataQueryRequest<ValuesQuery>): Observable<DataQueryResponse> {
    const { field, prefix }: Partial<ValuesQuery> = request.targets[0] ?? {};
    return defer(async () => {
      const wanted = this.interpolate(prefix ?? '', request.scopedVars);
      const filter = hasFilter(request.targets[0]) ? this.interpolateFilter(filterOf(request.targets[0]), request.scopedVars) : undefined;
      const { values } = await this.getValues(field ?? DEFAULT_VALUES_FIELD, this.dashboardRange(request), wanted, filter);
      const data: MetricFindValue[] = values
        .filter(({ value }) => value !== '')
        .map(({ value, count }) => ({ text: value, value, properties: { count: String(count) } }));
      return { data };
    });
  }

  /**
   * Returns the dashboard's time range. Grafana passes the last six hours to a variable that does not refresh when the time
   * range changes, so the range comes from the dashboard's own variables where there are any.
   */
  private dashboardRange({ range, scopedVars }: DataQueryRequest<ValuesQuery>): MillisecondRange {
    const [from, to] = ['from', 'to'].map((name) => this.interpolate(`\${__${name}}`, scopedVars));
    const known = [from, to].every((time) => /^\d+$/.test(time));
    return known ? { from: Number(from), to: Number(to) } : { from: range.from.valueOf(), to: range.to.valueOf() };
  }
}

function filterOf({ query, criteria, exclusions }: ValuesQuery): ValuesFilter {
  return { query, criteria, exclusions };
}

function hasFilter(query: ValuesQuery | undefined): query is ValuesQuery {
  return Boolean(query && (query.query ?? query.criteria ?? query.exclusions));
}

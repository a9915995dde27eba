import {
  CustomVariableSupport,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  type MetricFindValue,
  type TimeRange,
} from '@grafana/data';
import { defer, type Observable } from 'rxjs';
import type { AuditLogOptions, AuditLogQuery, FilterField } from '../types';
import { DEFAULT_VALUES_FIELD, type FieldValues, type ValuesQuery } from './values';
import { ValuesEditor } from './ValuesEditor';

type GetValues = (field: FilterField, range: TimeRange, prefix?: string) => Promise<FieldValues>;

/** Dashboard variables whose values are those of a field. An empty value is left out: as a filter it would ask for everything. */
export class ValuesVariables extends CustomVariableSupport<DataSourceApi<AuditLogQuery, AuditLogOptions>, ValuesQuery> {
  editor = ValuesEditor;

  constructor(
    private readonly getValues: GetValues,
    private readonly interpolate: (text: string) => string
  ) {
    super();
  }

  query({ targets, range }: DataQueryRequest<ValuesQuery>): Observable<DataQueryResponse> {
    const { field, prefix }: Partial<ValuesQuery> = targets[0] ?? {};
    return defer(async () => {
      const { values } = await this.getValues(field ?? DEFAULT_VALUES_FIELD, range, this.interpolate(prefix ?? ''));
      const data: MetricFindValue[] = values.filter(({ value }) => value !== '').map(({ value }) => ({ text: value, value }));
      return { data };
    });
  }
}

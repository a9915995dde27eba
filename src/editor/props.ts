import type { QueryEditorProps } from '@grafana/data';
import type { AuditLogDataSource } from '../datasource';
import type { CompleteQuery } from '../query/defaults';
import type { ProblemKey } from '../query/problems';
import type { AuditLogOptions, AuditLogQuery } from '../types';

export type EditorProps = QueryEditorProps<AuditLogDataSource, AuditLogQuery, AuditLogOptions>;

/** What the editor of one query type gets. */
export interface TypeEditorProps {
  query: CompleteQuery;
  datasource: Pick<AuditLogDataSource, 'maxEvents' | 'fieldWords'>;
  /** The query belongs to an alert rule. */
  forAlert: boolean;
  problemAt: (key: ProblemKey) => string | undefined;
  edit: (change: Partial<AuditLogQuery>) => void;
  editAndRun: (change: Partial<AuditLogQuery>) => void;
  onRunQuery: () => void;
}

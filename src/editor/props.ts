import type { QueryEditorProps } from '@grafana/data';
import type { ComponentType } from 'react';
import type { AuditLogDataSource } from '../datasource';
import type { CompleteQuery } from '../query/defaults';
import type { ProblemKey } from '../query/problems';
import type { AuditLogOptions, AuditLogQuery } from '../types';

export type EditorProps = QueryEditorProps<AuditLogDataSource, AuditLogQuery, AuditLogOptions>;

/** What the controls of one query type get. */
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

/** The controls of one query type. */
export interface TypeEditor {
  /** The controls that are always in view. */
  Main?: ComponentType<TypeEditorProps>;
  /** The controls that are folded away. */
  Options: ComponentType<TypeEditorProps>;
  /** The values of the folded controls. */
  summary: (query: CompleteQuery, forAlert: boolean) => string[];
}

import { DataSourcePlugin } from '@grafana/data';
import { ConfigEditor } from './config/ConfigEditor';
import { AuditLogDataSource } from './datasource';
import { QueryEditor } from './editor/QueryEditor';
import { QueryHelp } from './editor/QueryHelp';
import type { AuditLogOptions, AuditLogQuery, AuditLogSecrets } from './types';

export const plugin = new DataSourcePlugin<AuditLogDataSource, AuditLogQuery, AuditLogOptions, AuditLogSecrets>(AuditLogDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryHelp);

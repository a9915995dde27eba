import type { DataSourcePluginOptionsEditorProps, DataSourceSettings } from '@grafana/data';
import type { AuditLogOptions, AuditLogSecrets } from '../types';

type Options = DataSourceSettings<AuditLogOptions, AuditLogSecrets>;

/** The settings of the data source, with one way to change each kind. */
export interface Settings {
  options: Options;
  json: AuditLogOptions;
  setUrl: (url: string) => void;
  /** An undefined value removes the key, so that its default applies. */
  setJson: (change: Partial<AuditLogOptions>) => void;
  secret: (key: keyof AuditLogSecrets) => SecretControl;
}

export interface SecretControl {
  isConfigured: boolean;
  value: string;
  set: (value: string) => void;
  reset: () => void;
}

export function useSettings({ options, onOptionsChange }: DataSourcePluginOptionsEditorProps<AuditLogOptions, AuditLogSecrets>): Settings {
  const json = options.jsonData ?? {};
  return {
    options,
    json,
    setUrl: (url) => onOptionsChange({ ...options, url }),
    setJson: (change) => onOptionsChange({ ...options, jsonData: withoutUndefined({ ...json, ...change }) }),
    secret: (key) => ({
      isConfigured: Boolean(options.secureJsonFields?.[key]),
      value: options.secureJsonData?.[key] ?? '',
      set: (value) => onOptionsChange({ ...options, secureJsonData: { ...options.secureJsonData, [key]: value } }),
      reset: () =>
        onOptionsChange({
          ...options,
          secureJsonFields: { ...options.secureJsonFields, [key]: false },
          secureJsonData: { ...options.secureJsonData, [key]: '' },
        }),
    }),
  };
}

function withoutUndefined(json: AuditLogOptions): AuditLogOptions {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== undefined)) as AuditLogOptions;
}

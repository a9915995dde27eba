import type { DataSourceApi } from '@grafana/data';
import { dashboardStrings as texts } from '../strings/dashboards';

type Variables = Awaited<ReturnType<NonNullable<DataSourceApi['getDefaultVariables']>>>;
type Links = Awaited<ReturnType<NonNullable<DataSourceApi['getDefaultLinks']>>>;

/** Returns the variables of a new dashboard: ad hoc filters for this data source. */
export function defaultVariables({ type, uid }: { type: string; uid: string }): Variables {
  return [
    {
      kind: 'AdhocVariable',
      group: type,
      datasource: { name: uid },
      spec: {
        name: 'filters',
        label: texts.filters,
        baseFilters: [],
        filters: [],
        defaultKeys: [],
        hide: 'dontHide',
        skipUrlSync: false,
        allowCustomValue: true,
      },
    },
  ];
}

/** Returns the links of a new dashboard: to the dashboards that come with the plugin. */
export function defaultLinks(): Links {
  return [
    {
      title: texts.boards,
      type: 'dashboards',
      tags: ['carbon black cloud'],
      asDropdown: true,
      includeVars: true,
      keepTime: true,
      targetBlank: false,
      icon: 'external link',
      tooltip: '',
      url: '',
    },
  ];
}

import type { DataSourceApi } from '@grafana/data';
import { getTemplateSrv, locationService } from '@grafana/runtime';
import { dashboardStrings as texts } from '../strings/dashboards';

type Variables = Awaited<ReturnType<NonNullable<DataSourceApi['getDefaultVariables']>>>;
type Links = Awaited<ReturnType<NonNullable<DataSourceApi['getDefaultLinks']>>>;

/**
 * Returns what Grafana adds to a dashboard with this data source: ad hoc filters, unless it has some. Grafana asks for every
 * dashboard, each time that it is opened.
 */
export function defaultVariables({ type, uid }: { type: string; uid: string }): Variables {
  if (isShipped() || getTemplateSrv().getVariables().some((variable) => variable.type === 'adhoc')) {
    return [];
  }
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

/** Returns the links that Grafana adds to a dashboard with this data source: to those that come with the plugin. */
export function defaultLinks(): Links {
  if (isShipped()) {
    return [];
  }
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

/** Reports whether the dashboard on the screen is one that comes with the plugin: those have filters and links of their own. */
function isShipped(): boolean {
  return /\/d\/cbc-audit-/.test(locationService.getLocation().pathname);
}

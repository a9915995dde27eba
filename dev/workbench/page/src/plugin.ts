import 'systemjs/dist/system.js';
import 'systemjs/dist/extras/amd.js';
import 'systemjs/dist/extras/named-register.js';

import * as emotionCss from '@emotion/css';
import * as grafanaData from '@grafana/data';
import * as grafanaRuntime from '@grafana/runtime';
import * as grafanaRuntimeUnstable from '@grafana/runtime/unstable';
import * as grafanaUi from '@grafana/ui';
import * as grafanaUiUnstable from '@grafana/ui/unstable';
import * as lodash from 'lodash';
import * as react from 'react';
import * as jsxRuntime from 'react/jsx-runtime';
import * as reactDom from 'react-dom';
import * as rxjs from 'rxjs';
import * as rxjsOperators from 'rxjs/operators';

/** The modules that the plugin does not bundle: some of those that Grafana provides. */
const provided: Record<string, object> = {
  '@emotion/css': emotionCss,
  '@grafana/data': grafanaData,
  '@grafana/runtime': grafanaRuntime,
  '@grafana/runtime/unstable': grafanaRuntimeUnstable,
  '@grafana/ui': grafanaUi,
  '@grafana/ui/unstable': grafanaUiUnstable,
  lodash: withDefault(lodash),
  react: withDefault(react),
  'react-dom': withDefault(reactDom),
  'react/jsx-runtime': jsxRuntime,
  rxjs,
  'rxjs/operators': rxjsOperators,
};

type Plugin = grafanaData.DataSourcePlugin<grafanaData.DataSourceApi>;

interface SystemJS {
  set: (id: string, module: object) => void;
  addImportMap: (map: { imports: Record<string, string> }) => void;
  import: (id: string) => Promise<{ plugin: Plugin }>;
}

declare global {
  interface Window {
    System: SystemJS;
  }
}

/** Loads the built module.js as Grafana does: an AMD module in a script tag. */
export async function loadPlugin(meta: grafanaData.DataSourcePluginMeta): Promise<Plugin> {
  const imports: Record<string, string> = {};
  for (const [name, module] of Object.entries(provided)) {
    imports[name] = `app:${name}`;
    window.System.set(imports[name], module);
  }
  window.System.addImportMap({ imports });
  const { plugin } = await window.System.import(`/${meta.module}`);
  plugin.meta = meta;
  return plugin;
}

/** Makes a CommonJS package its own default export, as AMD modules expect. */
function withDefault(module: object): object {
  const main = 'default' in module ? module.default : module;
  return { ...module, default: main, __useDefault: true };
}

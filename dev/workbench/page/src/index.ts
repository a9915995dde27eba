// The entry of the page. Grafana's packages read these globals while they are imported, so they come first and the
// rest follows by a dynamic import.
import { type FrontendSettings } from './types';

declare global {
  interface Window {
    __grafana_public_path__?: string;
    grafanaBootData?: unknown;
  }
}

async function boot() {
  const settings: FrontendSettings = await (await fetch('/api/frontend/settings')).json();
  const parameters = new URLSearchParams(window.location.search);
  const theme = parameters.get('theme') === 'light' ? 'light' : 'dark';
  const role = parameters.get('role') ?? 'Admin';
  window.__grafana_public_path__ = '/public/';
  window.MonacoEnvironment = {
    getWorker: () => new Worker(new URL('monaco-editor/esm/vs/editor/editor.worker.js', import.meta.url)),
  };
  window.grafanaBootData = {
    assets: { dark: '', light: '' },
    navTree: [],
    user: { orgId: 1, theme, timezone: 'utc', language: 'en-US', orgRole: role, isSignedIn: true, permissions: {} },
    settings: {
      appSubUrl: '',
      appUrl: settings.appUrl,
      apps: {},
      buildInfo: { version: '13.0.0', commit: '', env: 'production' },
      datasources: settings.datasources,
      featureToggles: {},
      licenseInfo: {},
      namespace: 'default',
      panels: {},
    },
  };
  const { startApp } = await import('./app');
  await startApp(settings, theme, role);
}

boot().catch((error: unknown) => {
  console.error(error);
  document.body.append(`The workbench could not start: ${String(error)}`);
});

import { css } from '@emotion/css';
import { createTheme, type GrafanaTheme2, ThemeContext } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { ErrorBoundaryAlert, GlobalStyles, PortalContainer, RadioButtonGroup, Text, useStyles2 } from '@grafana/ui';
import { useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';

import { ConfigPage } from './ConfigPage';
import { DashboardPage } from './DashboardPage';
import { EditorsPage } from './EditorsPage';
import { ExplorePage } from './ExplorePage';
import { type Host, startHost } from './host';
import { type Dashboard, type FrontendSettings } from './types';

export async function startApp(settings: FrontendSettings, theme: Host['theme'], role: string) {
  const host = await startHost(settings, theme, role);
  const boards = await getBackendSrv().get<Dashboard[]>('/api/search');
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={createTheme({ colors: { mode: theme } })}>
      <GlobalStyles />
      <App host={host} boards={boards} />
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

function App({ host, boards }: { host: Host; boards: Dashboard[] }) {
  const styles = useStyles2(getStyles);
  const hash = useHash();
  const links = [
    { href: '#/config', text: 'Data sources' },
    { href: '#/explore', text: 'Explore' },
    { href: '#/editors', text: 'Editors' },
    ...boards.map(({ uid, title }) => ({ href: `#/dashboard/${uid}`, text: title })),
  ];
  return (
    <div className={styles.app}>
      <nav className={styles.nav} aria-label="Workbench">
        <Text element="h2" variant="h4">
          Workbench
        </Text>
        <Text color="secondary" variant="bodySmall">
          A small host for trying and testing this plugin where no Grafana is. Nothing here is kept.
        </Text>
        {links.map(({ href, text }) => (
          <a key={href} href={href} className={styles.link} aria-current={hash.startsWith(href) ? 'page' : undefined}>
            {text}
          </a>
        ))}
        <Choice name="theme" value={host.theme} options={['dark', 'light']} />
        <Choice name="role" value={host.role} options={['Viewer', 'Editor', 'Admin']} />
      </nav>
      <main className={styles.main}>
        <ErrorBoundaryAlert key={hash}>
          <Page host={host} hash={hash} firstBoard={boards[0]?.uid} />
        </ErrorBoundaryAlert>
      </main>
    </div>
  );
}

function Page({ host, hash, firstBoard }: { host: Host; hash: string; firstBoard?: string }) {
  const [, name, argument] = hash.split('/');
  const uid = argument && decodeURIComponent(argument);
  switch (name) {
    case 'config':
      return <ConfigPage host={host} uid={uid} />;
    case 'explore':
      return <ExplorePage uid={uid} />;
    case 'editors':
      return <EditorsPage key={uid} uid={uid} />;
    case 'dashboard':
      return <DashboardPage key={uid} uid={uid} />;
    default:
      return firstBoard ? <DashboardPage uid={firstBoard} /> : <ConfigPage host={host} />;
  }
}

/** Theme and role are part of the URL, because Grafana's packages read them once, at the start. */
function Choice({ name, value, options }: { name: string; value: string; options: string[] }) {
  const choose = (next: string) => {
    const parameters = new URLSearchParams(window.location.search);
    parameters.set(name, next);
    window.location.search = parameters.toString();
  };
  return (
    <RadioButtonGroup
      aria-label={name}
      size="sm"
      value={value}
      options={options.map((option) => ({ label: option[0].toUpperCase() + option.slice(1), value: option }))}
      onChange={choose}
    />
  );
}

function useHash(): string {
  return useSyncExternalStore(
    (listener) => {
      window.addEventListener('hashchange', listener);
      return () => window.removeEventListener('hashchange', listener);
    },
    () => window.location.hash
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  app: css({ display: 'flex', minHeight: '100vh', background: theme.colors.background.canvas, color: theme.colors.text.primary }),
  nav: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1.5),
    width: 220,
    flexShrink: 0,
    padding: theme.spacing(2),
    background: theme.colors.background.primary,
    borderRight: `1px solid ${theme.colors.border.weak}`,
  }),
  link: css({ '&[aria-current]': { color: theme.colors.text.maxContrast, fontWeight: theme.typography.fontWeightMedium } }),
  main: css({ flex: 1, minWidth: 0, padding: theme.spacing(2) }),
});

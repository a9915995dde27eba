import type { APIRequestContext } from '@playwright/test';
import { expect } from '@grafana/plugin-e2e';

export * as editorStrings from '../../src/strings/query';

export const pluginType = 'carbonblack-auditlog-datasource';

/** The provisioned data source. */
export const uid = process.env.DATASOURCE_UID ?? 'carbonblack';

/** The simulated Carbon Black Cloud as Grafana reaches it, see docker-compose.yaml. */
export const cloud = {
  url: process.env.CBC_URL ?? 'http://127.0.0.1:8080',
  orgKey: process.env.CBC_ORG_KEY ?? 'ABCD1234',
  apiId: process.env.CBC_API_ID ?? 'SIMFULL001',
  apiSecret: process.env.CBC_API_SECRET ?? 'FULLSECRETAAAAAAAAAAAAA1',
};

export const resources = `/api/datasources/uid/${uid}/resources`;

export type Query = Record<string, unknown>;

/** Asks queries as a panel does, and returns the results by refId. */
export async function ask(request: APIRequestContext, queries: Query[], from = 'now-24h', to = 'now') {
  const response = await request.post('/api/ds/query', {
    data: {
      from,
      to,
      queries: queries.map((query, index) => ({
        refId: String.fromCharCode(65 + index),
        datasource: { uid, type: pluginType },
        intervalMs: 3_600_000,
        maxDataPoints: 100,
        ...query,
      })),
    },
  });
  expect(response.status(), await response.text()).toBe(200);
  return (await response.json()).results as Record<string, { status: number; error?: string; frames: Frame[] }>;
}

export interface Frame {
  schema: { name?: string; fields: Array<{ name: string; type: string }> };
  data: { values: unknown[][] };
}

/** The address of Explore with a query. */
export function explore(query: Query): string {
  const pane = {
    datasource: uid,
    queries: [{ refId: 'A', datasource: { uid, type: pluginType }, ...query }],
    range: { from: 'now-24h', to: 'now' },
  };
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify({ one: pane }))}&orgId=1`;
}

/** Returns the first query of each pane of Explore. */
export function queriesIn(url: string): Query[] {
  const panes: Record<string, { queries: Query[] }> = JSON.parse(new URL(url).searchParams.get('panes') ?? '{}');
  return Object.values(panes).map(({ queries }) => queries[0]);
}

/** Saves a dashboard and returns its uid. */
export async function saveDashboard(request: APIRequestContext, dashboard: Record<string, unknown>): Promise<string> {
  const response = await request.post('/api/dashboards/db', { data: { dashboard: { id: null, ...dashboard }, overwrite: true } });
  expect(response.status(), await response.text()).toBe(200);
  return (await response.json()).uid;
}

/** A panel with one query. */
export const panel = (type: string, title: string, query: Query) => ({
  id: 1,
  type,
  title,
  gridPos: { x: 0, y: 0, w: 24, h: 12 },
  datasource: { uid, type: pluginType },
  targets: [{ refId: 'A', datasource: { uid, type: pluginType }, ...query }],
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { externals } from '../.config/externals.mjs';

const root = path.join(__dirname, '..');
const sources = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter(
  (name) => /\.tsx?$/.test(name) && !name.includes('.test.') && !name.startsWith('testing')
);

function importsOf(name: string): string[] {
  const text = readFileSync(path.join(__dirname, name), 'utf8').replace(/^import type [^;]+;$/gm, '');
  return [...text.matchAll(/(?:from|import) '([^.'][^']*)'/g)].map(([, module]) => module);
}

/** The libraries that the bundle contains. Their licenses are copied to dist, see webpack.config.mjs. */
const BUNDLED = ['@noble/hashes/sha2.js', '@noble/hashes/utils.js'];
const MAX_GZIP_BYTES = 250_000;

test('the sources import what Grafana provides, and few libraries beside it', () => {
  const imports = sources.flatMap((name) => importsOf(name).map((module) => ({ name, module })));
  const others = imports.filter(({ module }) => !externals.includes(module));
  expect(sources.length).toBeGreaterThan(20);
  expect([...new Set(others.map(({ module }) => module))].sort()).toEqual(BUNDLED);
});

test('no source imports itself in a circle, types included', () => {
  const files = new Set(sources);
  const targets = (name: string) =>
    [...readFileSync(path.join(__dirname, name), 'utf8').matchAll(/(?:from|import) '(\.[^']*)'/g)].flatMap(([, module]) => {
      const target = path.join(path.dirname(name), module);
      return [`${target}.ts`, `${target}.tsx`].filter((file) => files.has(file));
    });
  const graph = new Map(sources.map((name) => [name, targets(name)]));
  const circleFrom = (name: string, trail: string[], done: Set<string>): string[] | undefined => {
    if (trail.includes(name)) {
      return [...trail.slice(trail.indexOf(name)), name];
    }
    if (done.has(name)) {
      return undefined;
    }
    done.add(name);
    return graph.get(name)?.reduce<string[] | undefined>((found, next) => found ?? circleFrom(next, [...trail, name], done), undefined);
  };
  const circles = sources.flatMap((name) => circleFrom(name, [], new Set()) ?? []);
  expect([...graph.values()].flat().length).toBeGreaterThan(100);
  expect(circles).toEqual([]);
});

test('the strings import nothing, so that anything may import them', () => {
  const strings = sources.filter((name) => name.startsWith('strings/'));
  expect(strings.length).toBeGreaterThan(3);
  strings.forEach((name) => expect(readFileSync(path.join(__dirname, name), 'utf8')).not.toMatch(/^import/m));
});

describe('the build', () => {
  let output: string;
  const read = (name: string) => readFileSync(path.join(output, name), 'utf8');

  beforeAll(() => {
    output = mkdtempSync(path.join(tmpdir(), 'cbc-build-'));
    const webpack = path.join(root, 'node_modules/webpack/bin/webpack.js');
    execFileSync(process.execPath, [webpack, '--config', '.config/webpack/webpack.config.mjs', '--output-path', output], { cwd: root });
  });
  afterAll(() => rmSync(output, { recursive: true }));

  it('is one AMD module with the allowed dependencies', () => {
    const [, list] = /^define\((?:"[^"]*",)?(\[[^\]]*\])/.exec(read('module.js')) ?? [];
    const dependencies = JSON.parse(list ?? '[]') as string[];
    expect(externals).toEqual(expect.arrayContaining(dependencies));
    expect(dependencies).toContain('@grafana/data');
    expect(readdirSync(output).filter((name) => name.endsWith('.js'))).toEqual(['module.js']);
  });

  it('is small, and brings the licenses of what it bundles', () => {
    expect(gzipSync(readFileSync(path.join(output, 'module.js'))).length).toBeLessThan(MAX_GZIP_BYTES);
    expect(read('licenses/noble-hashes.txt')).toMatch(/MIT License/);
  });

  it('has a map whose sources are the files below src', () => {
    const map = JSON.parse(read('module.js.map')) as { sources: string[]; sourcesContent: string[] };
    const own = map.sources
      .map((name, index) => ({ name: name.replace(/^webpack:\/\/[^/]+\//, ''), content: map.sourcesContent[index] }))
      .filter(({ name }) => !/^(webpack\/|external |(\.\.?\/)*node_modules\/)/.test(name));
    expect(own.length).toBeGreaterThan(10);
    own.forEach(({ name, content }) => expect(content).toBe(readFileSync(path.join(__dirname, name), 'utf8')));
  });

  it('fills in plugin.json and brings what it names', () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const { info, includes } = JSON.parse(read('plugin.json')) as {
      info: { version: string; updated: string; logos: Record<'small' | 'large', string>; screenshots: { path: string }[] };
      includes: { name: string; path: string }[];
    };
    expect(info.version).toBe(version);
    expect(info.updated).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(info.screenshots).not.toHaveLength(0);
    const named = [info.logos.small, info.logos.large, ...info.screenshots.map((picture) => picture.path), 'LICENSE'];
    expect(named.filter((name) => !existsSync(path.join(output, name)))).toEqual([]);
    expect(includes).toHaveLength(8);
    includes.forEach(({ name, path: file }) => expect(JSON.parse(read(file)).title).toBe(name));
  });

  it('brings dashboards that work with a data source of any uid', () => {
    readdirSync(path.join(output, 'dashboards')).forEach((name) => {
      const text = read(`dashboards/${name}`);
      expect(text).not.toContain('"carbonblack"');
      const { __inputs: inputs, templating } = JSON.parse(text);
      expect(inputs !== undefined || templating.list.some((variable: { type: string }) => variable.type === 'datasource')).toBe(true);
    });
  });
});

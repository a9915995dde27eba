import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { externals } from '../.config/externals.mjs';

const root = path.join(__dirname, '..');
const sources = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter(
  (name) => /\.tsx?$/.test(name) && !name.includes('.test.') && !name.startsWith('testing')
);

function importsOf(name: string): string[] {
  const text = readFileSync(path.join(__dirname, name), 'utf8').replace(/^import type [^;]+;$/gm, '');
  return [...text.matchAll(/(?:from|import) '([^.'][^']*)'/g)].map(([, module]) => module);
}

test.each(sources)('%s runs on nothing but what Grafana provides', (name) => {
  expect(externals).toEqual(expect.arrayContaining(importsOf(name)));
});

test('the selectors import nothing, so that anything may import them', () => {
  expect(importsOf('selectors.ts')).toEqual([]);
  expect(readFileSync(path.join(__dirname, 'selectors.ts'), 'utf8')).not.toMatch(/^import/m);
});

// The built file is there after a build only; what it must be is checked whenever it is.
const built = path.join(root, 'dist/module.js');
const checkBuilt = existsSync(built) ? describe : describe.skip;

checkBuilt('dist/module.js', () => {
  const code = existsSync(built) ? readFileSync(built, 'utf8') : '';

  it('is one AMD module with the allowed dependencies', () => {
    const [, list] = /^define\((?:"[^"]*",)?(\[[^\]]*\])/.exec(code) ?? [];
    const dependencies = (JSON.parse(list ?? 'null') as string[]).filter((name) => !['module', 'exports', 'require'].includes(name));
    expect(externals).toEqual(expect.arrayContaining(dependencies));
    expect(dependencies).toContain('@grafana/data');
    expect(readdirSync(path.join(root, 'dist')).filter((name) => name.endsWith('.js'))).toEqual(['module.js']);
  });

  it('has a map whose sources are files below src', () => {
    const map = JSON.parse(readFileSync(`${built}.map`, 'utf8')) as { sources: string[]; sourcesContent: string[] };
    const own = map.sources.map((name, index) => ({ name: name.replace(/^webpack:\/\/[^/]+\//, ''), content: map.sourcesContent[index] }));
    const files = own.filter(({ name }) => !/^(webpack\/|external |\.\/node_modules|\.\.\/node_modules)/.test(name));
    expect(files.length).toBeGreaterThan(10);
    files.forEach(({ name }) => expect(existsSync(path.join(__dirname, name))).toBe(true));
    expect(files.every(({ content }) => content)).toBe(true);
  });
});

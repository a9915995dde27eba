// Builds the page for one version of React: `node build.mjs 19|18`. The packages for 19 are those of the
// project, those for 18 are in react18/, and the sources are the same.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rspack } from '@rspack/core';

const here = dirname(fileURLToPath(import.meta.url));
const version = process.argv[2] ?? '19';
if (version !== '19' && version !== '18') {
  throw new Error(`React version "${version}" is neither 19 nor 18`);
}
const sources = join(here, 'src');
const output = join(here, 'dist', `react${version}`);
const root = createRequire(import.meta.url);
const packages = version === '18' ? createRequire(join(here, 'react18', 'package.json')) : root;

/** The folder of an installed package. */
function folderOf(name, from = root) {
  const found = from.resolve.paths(name).map((path) => join(path, name)).find(existsSync);
  if (!found) {
    throw new Error(`the package ${name} is not installed`);
  }
  return found;
}

const compiler = rspack({
  mode: 'production',
  context: here,
  entry: join(sources, 'index.ts'),
  output: { path: output, filename: '[name].js', chunkFilename: '[name].[contenthash:8].js', publicPath: '/' },
  devtool: false,
  performance: { hints: false },
  resolve: { extensions: ['.ts', '.tsx', '.mjs', '.js'] },
  module: {
    // SystemJS's own check for AMD must not be rewritten.
    parser: { javascript: { amd: false } },
    rules: [
      { test: /\.m?js$/, type: 'javascript/auto', resolve: { fullySpecified: false } },
      // Only the page's own imports are redirected: packages must still find the dependencies nested in them.
      { include: sources, resolve: { modules: version === '18' ? [join(here, 'react18', 'node_modules'), 'node_modules'] : ['node_modules'] } },
      {
        test: /\.tsx?$/,
        loader: 'builtin:swc-loader',
        options: { jsc: { parser: { syntax: 'typescript', tsx: true }, target: 'es2022', transform: { react: { runtime: 'automatic' } } } },
        type: 'javascript/auto',
      },
      { test: /\.css$/, use: ['style-loader', 'css-loader'] },
      { test: /\.ttf$/, type: 'asset/resource' },
    ],
  },
  plugins: [
    new rspack.HtmlRspackPlugin({ template: join(sources, 'index.html'), scriptLoading: 'defer' }),
    new rspack.DefinePlugin({ 'process.env.NODE_ENV': '"production"' }),
  ],
});

/** What Grafana's packages ask for by address: icons and fonts. */
function copyAssets() {
  const publicDir = join(output, 'public');
  cpSync(join(folderOf('@grafana/ui', packages), 'dist/public/img/icons'), join(publicDir, 'build/img/icons'), { recursive: true });
  for (const [name, file, asked] of [
    ['@fontsource/inter', 'inter-latin-400-normal', 'inter/Inter-Regular'],
    ['@fontsource/inter', 'inter-latin-500-normal', 'inter/Inter-Medium'],
    ['@fontsource/inter', 'inter-latin-400-italic', 'inter/Inter-Italic'],
    ['@fontsource/inter', 'inter-latin-500-italic', 'inter/Inter-MediumItalic'],
    ['@fontsource/roboto-mono', 'roboto-mono-latin-400-normal', 'roboto/L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ'],
  ]) {
    cpSync(join(folderOf(name), 'files', `${file}.woff2`), join(publicDir, 'fonts', `${asked}.woff2`));
  }
}

rmSync(output, { recursive: true, force: true });
compiler.run((error, stats) => {
  if (error || stats.hasErrors()) {
    console.error(error ?? stats.toString({ all: false, errors: true }));
    process.exitCode = 1;
  } else {
    copyAssets();
    console.log(stats.toString({ all: false, timings: true, outputPath: true }));
  }
  compiler.close(() => {});
});

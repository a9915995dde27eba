import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import CopyPlugin from 'copy-webpack-plugin';
import webpack from 'webpack';
import { externals } from '../externals.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const source = path.join(root, 'src');
const readJson = (name) => JSON.parse(readFileSync(path.join(root, name), 'utf8'));

const pluginId = readJson('plugin.json').id;
const version = readJson('package.json').version;

/** The build date; SOURCE_DATE_EPOCH (seconds) makes a build repeatable. */
function today() {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return new Date(epoch ? Number(epoch) * 1000 : Date.now()).toISOString().slice(0, 10);
}

function fillPlaceholders(content) {
  return content
    .toString()
    .replaceAll('%VERSION%', version)
    .replaceAll('%TODAY%', today())
    .replaceAll('%PLUGIN_ID%', pluginId);
}

/**
 * A provisioned dashboard without a variable names its data source by uid, which does not exist in another Grafana. There, the
 * import asks for the data source.
 */
function asksForDatasource(content) {
  const uid = JSON.stringify('carbonblack');
  const text = content.toString();
  if (!text.includes(uid)) {
    return text;
  }
  const { name } = readJson('plugin.json');
  const input = { name: 'DS_CARBONBLACK', label: name, description: '', type: 'datasource', pluginId, pluginName: name };
  return JSON.stringify({ __inputs: [input], ...JSON.parse(text.replaceAll(uid, JSON.stringify('${DS_CARBONBLACK}'))) }, null, 2);
}

function copied() {
  const filled = ['plugin.json', 'README.md'].map((name) => ({ from: path.join(root, name), transform: fillPlaceholders }));
  const plain = ['CHANGELOG.md', 'LICENSE'].map((name) => ({ from: path.join(root, name) }));
  const folders = ['img', 'alerting'].map((name) => ({ from: path.join(source, name), to: name }));
  // The license of a bundled library requires its text.
  const licenses = [{ from: path.join(root, 'node_modules/@noble/hashes/LICENSE'), to: 'licenses/noble-hashes.txt', toType: 'file' }];
  const boards = { from: '*.json', context: path.join(root, 'provisioning', 'dashboards'), to: 'dashboards', transform: asksForDatasource };
  const patterns = [...filled, ...plain, ...folders, ...licenses].filter(({ from }) => existsSync(from)).concat(boards);
  return new CopyPlugin({ patterns });
}

export default (env = {}) => ({
  mode: env.development ? 'development' : 'production',
  target: ['web', 'es2022'],
  context: source,
  entry: { module: './module.ts' },
  devtool: 'source-map',
  externals,
  output: {
    path: path.join(root, 'dist'),
    filename: '[name].js',
    library: { type: 'amd' },
    publicPath: '',
    uniqueName: pluginId,
    // Grafana's catalog compares the map's sources with files relative to src.
    devtoolModuleFilenameTemplate: 'webpack://[namespace]/[resource-path]',
    // dist also contains the backend's executables, so nothing there is deleted.
    clean: false,
  },
  resolve: { extensions: ['.ts', '.tsx', '.mjs', '.js'] },
  module: {
    rules: [
      {
        test: /\.tsx?$/,
        exclude: /node_modules/,
        loader: 'swc-loader',
        options: {
          jsc: {
            target: 'es2022',
            parser: { syntax: 'typescript', tsx: true },
            transform: { react: { runtime: 'automatic' } },
          },
        },
      },
    ],
  },
  // One file: chunks would need a public path, which differs under sub-paths and CDNs.
  plugins: [new webpack.optimize.LimitChunkCountPlugin({ maxChunks: 1 }), copied()],
  performance: { hints: false },
  watchOptions: { ignored: ['**/node_modules', '**/dist'] },
});

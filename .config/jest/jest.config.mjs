import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const stub = (name) => path.join(here, 'stubs', name);

export default {
  rootDir: path.resolve(here, '../..'),
  roots: ['<rootDir>/src'],
  testEnvironment: 'jsdom',
  testTimeout: 60_000,
  testMatch: ['**/*.test.{ts,tsx}'],
  setupFiles: [path.join(here, 'polyfills.ts')],
  setupFilesAfterEnv: [path.join(here, 'matchers.ts')],
  moduleFileExtensions: ['ts', 'tsx', 'js', 'mjs', 'cjs', 'json'],
  // Grafana's packages are ES modules, so everything is transformed.
  transformIgnorePatterns: [],
  transform: {
    '\\.([jt]sx?|mjs)$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true },
          transform: { react: { runtime: 'automatic' } },
        },
      },
    ],
  },
  moduleNameMapper: {
    '\\.(css|scss|sass)$': stub('empty.js'),
    '^react-inlinesvg$': stub('inlinesvg.tsx'),
    '^monaco-editor(/.*)?$': stub('monaco.js'),
    '^@monaco-editor/react$': stub('monacoReact.tsx'),
  },
};

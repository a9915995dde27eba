// The labels and test ids that the components use. Node 20 does not read TypeScript, so the files are translated first.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

import { root } from './processes.mjs';

const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };

function load(name) {
  const source = readFileSync(join(root, 'src', 'strings', `${name}.ts`), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions: options });
  return import(`data:text/javascript,${encodeURIComponent(outputText)}`);
}

export const { queryProblems, queryStrings, valueStrings } = await load('query');
export const { presetStrings } = await load('help');
export const { exportStrings } = await load('exports');
export const { configStrings } = await load('config');

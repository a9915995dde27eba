// The labels and test ids that the components use. Node 20 does not read TypeScript, so the file is translated first.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

import { root } from './processes.mjs';

const source = readFileSync(join(root, 'src', 'selectors.ts'), 'utf8');
const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });

export const { selectors } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);

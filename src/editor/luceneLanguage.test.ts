import { setTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import type { Monaco, monacoTypes } from '@grafana/ui';
import { LUCENE_LANGUAGE, registerLucene } from './luceneLanguage';

function fakeMonaco() {
  const known: { id: string }[] = [];
  const languages = {
    CompletionItemKind: { Field: 3, Operator: 11, Value: 13, Variable: 4 },
    getLanguages: () => known,
    register: (language: { id: string }) => known.push(language),
    setLanguageConfiguration: jest.fn(),
    setMonarchTokensProvider: jest.fn(),
    registerCompletionItemProvider: jest.fn(),
    registerCodeActionProvider: jest.fn(),
  };
  return { languages };
}

test('the language is registered once, however many editors there are', () => {
  const monaco = fakeMonaco();
  registerLucene(monaco as unknown as Monaco);
  registerLucene(monaco as unknown as Monaco);
  expect(monaco.languages.setMonarchTokensProvider).toHaveBeenCalledTimes(1);
  expect(monaco.languages.registerCompletionItemProvider).toHaveBeenCalledTimes(1);
});

test('a completion replaces the word before the cursor and offers variables', () => {
  setTemplateSrv({ getVariables: () => [{ name: 'env' }] } as unknown as TemplateSrv);
  const monaco = fakeMonaco();
  registerLucene(monaco as unknown as Monaco);
  const [language, provider] = monaco.languages.registerCompletionItemProvider.mock.calls[0];
  expect(language).toBe(LUCENE_LANGUAGE);
  const model = { getValueInRange: () => 'flagged:tr' };
  const { suggestions } = provider.provideCompletionItems(model, { lineNumber: 1, column: 11 }) as monacoTypes.languages.CompletionList;
  expect(suggestions.map(({ label, kind }) => [label, kind])).toEqual([
    ['true', 13],
    ['false', 13],
    ['$env', 4],
  ]);
  expect(suggestions[0].range).toEqual({ startLineNumber: 1, endLineNumber: 1, startColumn: 9, endColumn: 11 });
});

test('an underlined place has a quick fix on its own line', () => {
  const monaco = fakeMonaco();
  registerLucene(monaco as unknown as Monaco);
  const [[, provider]] = monaco.languages.registerCodeActionProvider.mock.calls;
  const text = 'a and\nb or c';
  const positionAt = (offset: number) => (offset <= 5 ? { lineNumber: 1, column: offset + 1 } : { lineNumber: 2, column: offset - 5 });
  const model = { uri: 'model', getVersionId: () => 7, getValue: () => text, getPositionAt: positionAt };
  const actionsAt = (line: number) => provider.provideCodeActions(model, { startLineNumber: line, endLineNumber: line }).actions;
  expect(actionsAt(1)).toEqual([
    {
      title: 'Replace with AND',
      kind: 'quickfix',
      edit: { edits: [{ resource: 'model', versionId: 7, textEdit: { range: { startLineNumber: 1, startColumn: 3, endLineNumber: 1, endColumn: 6 }, text: 'AND' } }] },
    },
  ]);
  expect(actionsAt(2)).toHaveLength(1);
});

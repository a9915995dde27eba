import { setTemplateSrv, type TemplateSrv } from '@grafana/runtime';
import type { Monaco, MonacoEditor, monacoTypes } from '@grafana/ui';
import { LUCENE_LANGUAGE, registerLucene, setValueReader } from './luceneLanguage';

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

test('a completion replaces the word before the cursor and offers variables', async () => {
  setTemplateSrv({ getVariables: () => [{ name: 'env' }] } as unknown as TemplateSrv);
  const monaco = fakeMonaco();
  registerLucene(monaco as unknown as Monaco);
  const [language, provider] = monaco.languages.registerCompletionItemProvider.mock.calls[0];
  expect(language).toBe(LUCENE_LANGUAGE);
  const model = { uri: 'model', getValueInRange: () => 'flagged:tr' };
  const { suggestions } = (await provider.provideCompletionItems(model, { lineNumber: 1, column: 11 })) as monacoTypes.languages.CompletionList;
  expect(suggestions.map(({ label, kind }) => [label, kind])).toEqual([
    ['true', 13],
    ['false', 13],
    ['$env', 4],
  ]);
  expect(suggestions[0].range).toEqual({ startLineNumber: 1, endLineNumber: 1, startColumn: 9, endColumn: 11 });
});

test('the values of a field come from the reader of the editor, until it is disposed', async () => {
  setTemplateSrv({ getVariables: () => [] } as unknown as TemplateSrv);
  const monaco = fakeMonaco();
  registerLucene(monaco as unknown as Monaco);
  const [, provider] = monaco.languages.registerCompletionItemProvider.mock.calls[0];
  const model = { uri: 'other', getValueInRange: () => 'login AND actor:ja' };
  const read = jest.fn(async () => ['jane@example.com', 'Jane Doe']);
  const disposed: (() => void)[] = [];
  setValueReader({ getModel: () => model, onDidDispose: (end: () => void) => disposed.push(end) } as unknown as MonacoEditor, read);
  const inserted = async () => {
    const { suggestions } = (await provider.provideCompletionItems(model, { lineNumber: 1, column: 19 })) as monacoTypes.languages.CompletionList;
    return suggestions.map(({ insertText }) => insertText);
  };
  expect(await inserted()).toEqual(['jane@example.com', '"Jane Doe"']);
  expect(read).toHaveBeenCalledWith('actor', 'ja');
  disposed.forEach((end) => end());
  expect(await inserted()).toEqual([]);
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

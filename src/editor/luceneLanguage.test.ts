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

import { getTemplateSrv } from '@grafana/runtime';
import type { Monaco, monacoTypes } from '@grafana/ui';
import { LUCENE_FIELDS, prefixLength, suggest, type Suggestion } from './luceneSuggestions';

export const LUCENE_LANGUAGE = 'cbc-lucene';

/** Teaches Monaco the query language: once a page, however many editors there are. */
export function registerLucene(monaco: Monaco): void {
  if (monaco.languages.getLanguages().some(({ id }) => id === LUCENE_LANGUAGE)) {
    return;
  }
  monaco.languages.register({ id: LUCENE_LANGUAGE });
  monaco.languages.setLanguageConfiguration(LUCENE_LANGUAGE, configuration);
  monaco.languages.setMonarchTokensProvider(LUCENE_LANGUAGE, grammar);
  monaco.languages.registerCompletionItemProvider(LUCENE_LANGUAGE, {
    triggerCharacters: [':', '$', '('],
    provideCompletionItems: (model, position) => ({ suggestions: completions(monaco, model, position) }),
  });
}

const configuration: monacoTypes.languages.LanguageConfiguration = {
  brackets: [
    ['(', ')'],
    ['[', ']'],
    ['{', '}'],
  ],
  autoClosingPairs: [
    { open: '(', close: ')' },
    { open: '[', close: ']' },
    { open: '"', close: '"', notIn: ['string'] },
  ],
};

const grammar: monacoTypes.languages.IMonarchLanguage = {
  defaultToken: '',
  tokenizer: {
    root: [
      [/\$\{[^}]*\}|\$\w+|\[\[\w+\]\]/, 'variable'],
      [new RegExp(`(?:${Object.keys(LUCENE_FIELDS).join('|')})(?=:)`), 'type'],
      [/\b(?:AND|OR|NOT|TO)\b|&&|\|\|/, 'keyword'],
      [/\b(?:true|false)\b/, 'number'],
      [/"/, { token: 'string', next: '@phrase' }],
      [/\\./, 'string.escape'],
      [/[()[\]{}]/, '@brackets'],
      [/[*?~^]/, 'regexp'],
      [/[:+\-!]/, 'delimiter'],
      [/[^\s:"()[\]{}*?~^\\$]+/, ''],
    ],
    phrase: [
      [/\$\{[^}]*\}|\$\w+/, 'variable'],
      [/\\./, 'string.escape'],
      [/"/, { token: 'string', next: '@pop' }],
      [/[^"\\$]+|\$/, 'string'],
    ],
  },
};

function completions(
  monaco: Monaco,
  model: monacoTypes.editor.ITextModel,
  position: monacoTypes.Position
): monacoTypes.languages.CompletionItem[] {
  const { lineNumber, column } = position;
  const before = model.getValueInRange({ startLineNumber: 1, startColumn: 1, endLineNumber: lineNumber, endColumn: column });
  const range = { startLineNumber: lineNumber, endLineNumber: lineNumber, startColumn: column - prefixLength(before), endColumn: column };
  const { CompletionItemKind } = monaco.languages;
  const kinds: Record<Suggestion['kind'], monacoTypes.languages.CompletionItemKind> = {
    field: CompletionItemKind.Field,
    operator: CompletionItemKind.Operator,
    value: CompletionItemKind.Value,
    variable: CompletionItemKind.Variable,
  };
  const variables = getTemplateSrv()
    .getVariables()
    .map(({ name }) => name);
  return suggest(before, variables).map(({ label, insert, kind, detail }, index) => ({
    label,
    insertText: insert,
    kind: kinds[kind],
    detail,
    range,
    sortText: String(index).padStart(3, '0'),
  }));
}

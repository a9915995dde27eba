import { getTemplateSrv } from '@grafana/runtime';
import type { Monaco, MonacoEditor, monacoTypes } from '@grafana/ui';
import { queryStrings } from '../strings/query';
import { LUCENE_FIELDS, prefixLength, suggest, typedCondition, type Suggestion } from './luceneSuggestions';
import { findLuceneWarnings } from './luceneWarnings';

export const LUCENE_LANGUAGE = 'cbc-lucene';

/** Registers the query language with Monaco: once per page, however many editors there are. */
export function registerLucene(monaco: Monaco): void {
  if (monaco.languages.getLanguages().some(({ id }) => id === LUCENE_LANGUAGE)) {
    return;
  }
  monaco.languages.register({ id: LUCENE_LANGUAGE });
  monaco.languages.setLanguageConfiguration(LUCENE_LANGUAGE, configuration);
  monaco.languages.setMonarchTokensProvider(LUCENE_LANGUAGE, grammar);
  monaco.languages.registerCompletionItemProvider(LUCENE_LANGUAGE, {
    triggerCharacters: [':', '$', '('],
    provideCompletionItems: async (model, position) => ({ suggestions: await completions(monaco, model, position) }),
  });
  monaco.languages.registerCodeActionProvider(LUCENE_LANGUAGE, {
    provideCodeActions: (model, range) => ({ actions: quickFixes(model, range), dispose: () => undefined }),
  });
}

/** Reads the values of a field that begin with a string; none where that fails. */
export type ReadFieldValues = (field: string, typed: string) => Promise<string[]>;

// The language is registered once for all editors, so each model has its reader here.
const readers = new Map<string, ReadFieldValues>();

/** Gives an editor what reads the values that it suggests. */
export function setValueReader(editor: MonacoEditor, read: ReadFieldValues): void {
  const name = editor.getModel()?.uri.toString();
  if (name) {
    readers.set(name, read);
    editor.onDidDispose(() => readers.delete(name));
  }
}

/** Underlines what Lucene probably reads differently than meant. */
export function setLuceneMarkers(editor: MonacoEditor, monaco: Monaco): void {
  const model = editor.getModel();
  if (!model) {
    return;
  }
  const markers = findLuceneWarnings(model.getValue()).map(({ start, end, message }) => ({
    ...rangeAt(model, start, end),
    message,
    severity: monaco.MarkerSeverity.Warning,
  }));
  monaco.editor.setModelMarkers(model, LUCENE_LANGUAGE, markers);
}

/** Offers the replacement of each underlined place in the range. */
function quickFixes(model: monacoTypes.editor.ITextModel, range: monacoTypes.IRange): monacoTypes.languages.CodeAction[] {
  return findLuceneWarnings(model.getValue()).flatMap(({ start, end, replacement }) => {
    const place = rangeAt(model, start, end);
    if (replacement === undefined || place.endLineNumber < range.startLineNumber || place.startLineNumber > range.endLineNumber) {
      return [];
    }
    const edit = { resource: model.uri, versionId: model.getVersionId(), textEdit: { range: place, text: replacement } };
    return [{ title: queryStrings.lucene.quickFix(replacement), kind: 'quickfix', edit: { edits: [edit] } }];
  });
}

function rangeAt(model: monacoTypes.editor.ITextModel, start: number, end: number): monacoTypes.IRange {
  const [from, to] = [model.getPositionAt(start), model.getPositionAt(end)];
  return { startLineNumber: from.lineNumber, startColumn: from.column, endLineNumber: to.lineNumber, endColumn: to.column };
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

async function completions(
  monaco: Monaco,
  model: monacoTypes.editor.ITextModel,
  position: monacoTypes.Position
): Promise<monacoTypes.languages.CompletionItem[]> {
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
  const condition = typedCondition(before);
  const found = condition ? await readers.get(model.uri.toString())?.(condition.field, condition.typed) : undefined;
  return suggest(before, variables, found).map(({ label, insert, kind, detail }, index) => ({
    label,
    insertText: insert,
    kind: kinds[kind],
    detail,
    range,
    sortText: String(index).padStart(3, '0'),
  }));
}

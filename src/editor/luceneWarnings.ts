import { DERIVED_FIELDS } from '../query/derived';
import { queryStrings } from '../strings/query';

const texts = queryStrings.lucene;

/** A place in a Lucene query that probably does not mean what it looks like. The query is sent unchanged. */
export interface LuceneWarning {
  start: number;
  end: number;
  message: string;
  /** What the place should probably be, where text can replace it. */
  replacement?: string;
}

// A phrase, an escaped character, a curly quote, or a word. Words and colons tell operators from values and field names.
const TOKEN = /"(?:\\[^]|[^"\\])*"?|\\[^]|[“”„‟″〝〞＂«»]|[^\s"\\()[\]{}:“”„‟″〝〞＂«»]+|[:()[\]{}]/g;
const CURLY = /^[“”„‟″〝〞＂«»]$/;
const OPERATOR = /^(and|or|not)$/i;

/** Finds operators that are not in upper case, quotes that are not straight, and fields that Carbon Black Cloud does not know. */
export function findLuceneWarnings(text: string): LuceneWarning[] {
  const tokens = [...text.matchAll(TOKEN)].map((match) => ({ token: match[0], start: match.index }));
  return tokens.flatMap(({ token, start }, index) => {
    const end = start + token.length;
    if (CURLY.test(token)) {
      return [{ start, end, message: texts.curlyQuote(token), replacement: '"' }];
    }
    if (tokens[index + 1]?.token === ':' && DERIVED_FIELDS.some((field) => field === token)) {
      return [{ start, end, message: texts.derivedField(token) }];
    }
    const isValue = tokens[index - 1]?.token === ':' || tokens[index + 1]?.token === ':';
    if (OPERATOR.test(token) && token !== token.toUpperCase() && !isValue) {
      return [{ start, end, message: texts.lowerCaseOperator(token), replacement: token.toUpperCase() }];
    }
    return [];
  });
}

/** Returns the query with every place replaced that has a replacement. */
export function applyFixes(text: string, warnings: LuceneWarning[]): string {
  return warnings.reduceRight(
    (fixed, { start, end, replacement }) => (replacement === undefined ? fixed : fixed.slice(0, start) + replacement + fixed.slice(end)),
    text
  );
}

import { queryStrings } from '../strings/query';

const texts = queryStrings.lucene;

/** A place in a Lucene query that probably does not mean what it looks like. The query is sent unchanged. */
export interface LuceneWarning {
  start: number;
  end: number;
  message: string;
  /** What the place should probably be. */
  replacement: string;
}

// A phrase, an escaped character, a curly quote, or a word. Words and colons tell operators from values and field names.
const TOKEN = /"(?:\\[^]|[^"\\])*"?|\\[^]|[“”„‟″〝〞＂«»]|[^\s"\\()[\]{}:“”„‟″〝〞＂«»]+|[:()[\]{}]/g;
const CURLY = /^[“”„‟″〝〞＂«»]$/;
const OPERATOR = /^(and|or|not)$/i;

/** Finds operators that are not in upper case and quotes that are not straight: Lucene reads both as text. */
export function findLuceneWarnings(text: string): LuceneWarning[] {
  const tokens = [...text.matchAll(TOKEN)].map((match) => ({ token: match[0], start: match.index }));
  return tokens.flatMap(({ token, start }, index) => {
    const end = start + token.length;
    if (CURLY.test(token)) {
      return [{ start, end, message: texts.curlyQuote(token), replacement: '"' }];
    }
    const isValue = tokens[index - 1]?.token === ':' || tokens[index + 1]?.token === ':';
    if (OPERATOR.test(token) && token !== token.toUpperCase() && !isValue) {
      return [{ start, end, message: texts.lowerCaseOperator(token), replacement: token.toUpperCase() }];
    }
    return [];
  });
}

/** Returns the query with every place replaced. */
export function applyFixes(text: string, warnings: LuceneWarning[]): string {
  return warnings.reduceRight((fixed, { start, end, replacement }) => fixed.slice(0, start) + replacement + fixed.slice(end), text);
}

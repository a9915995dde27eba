import type { ScopedVars } from '@grafana/data';
import { capture, fill, type Reference, type Templates } from './capture';

const SPECIAL = /[+\-&|!(){}[\]^"~*?:\\/]/g;
const OPERATOR = /^(AND|OR|NOT|TO)$/;
const MARKED = /\uE000/;

/**
 * Puts variables into Lucene text. Values are escaped, the text around them never is:
 * - a value is a term, or a phrase when it has white space or reads as an operator;
 * - several values become `("a" OR "b")`;
 * - inside quotes only `"` and `\` are escaped; several values repeat the phrase;
 * - next to other characters (`web-$env*`) white space is escaped too, and several values repeat the whole word.
 */
export function interpolateLucene(text: string, templates: Templates, scopedVars?: ScopedVars): string {
  const { text: marked, references } = capture(text, templates, scopedVars);
  return segments(marked)
    .map((segment) => (MARKED.test(segment) ? renderSegment(segment, references) : segment))
    .join('');
}

// A quoted phrase, a word, or one character between words. A backslash takes the next character along;
// + - ! are operators at a word's start and part of the word inside it.
const SEGMENT = /"(?:\\[^]|[^"\\])*"?|[+\-!](?=.)|(?:\\[^]|[^\s"():[\]{}^~\\])+|[^]/g;

function segments(text: string): string[] {
  return text.match(SEGMENT) ?? [];
}

function renderSegment(segment: string, references: Reference[]): string {
  if (segment.startsWith('"')) {
    return anyOf(fill(segment, references, escapePhrase));
  }
  const alone = /^\uE000(\d+)\uE001$/.exec(segment);
  if (!alone) {
    return anyOf(fill(segment, references, escapeWord));
  }
  const { values } = references[Number(alone[1])];
  return values.length === 1 ? term(values[0]) : anyOf(values.map(phrase));
}

function anyOf(alternatives: string[]): string {
  return alternatives.length === 1 ? alternatives[0] : `(${alternatives.join(' OR ')})`;
}

function term(value: string): string {
  return value === '' || /\s/.test(value) || OPERATOR.test(value) ? phrase(value) : escapeTerm(value);
}

function phrase(value: string): string {
  return `"${escapePhrase(value)}"`;
}

export function escapePhrase(value: string): string {
  return value.replace(/["\\]/g, '\\$&');
}

export function escapeTerm(value: string): string {
  return value.replace(SPECIAL, '\\$&');
}

function escapeWord(value: string): string {
  return escapeTerm(value).replace(/\s/g, '\\$&');
}

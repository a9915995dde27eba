import type { ScopedVars } from '@grafana/data';
import { capture, fill, MARKER, type Reference, type Templates } from './capture';
import { withoutAll } from './luceneAll';

const SPECIAL = /[+\-&|!(){}[\]^"~*?:\\/]/g;
const OPERATOR = /^(AND|OR|NOT|TO)$/;
const MARKED = /\uE000/;
const ALONE = /^\uE000(\d+)\uE001$/;

/** A Lucene query with its variables filled in. */
export interface FilledLucene {
  text: string;
  /** The variables at All that only stand for the values they list: events with other values, or none, do not match. */
  listed: string[];
}

/**
 * Fills variables into a Lucene query. Values are escaped, the text around them never is:
 * - a value is a term, or a phrase when it has white space or reads as an operator;
 * - several values become `("a" OR "b")`;
 * - inside quotes only `"` and `\` are escaped; several values repeat the phrase;
 * - next to other characters (`web-$env*`) white space is escaped too, and several values repeat the whole word;
 * - a condition `field:$name` with the variable at All is left out where the rest means the same without it.
 */
export function fillLucene(text: string, templates: Templates, scopedVars?: ScopedVars): FilledLucene {
  const { text: marked, references } = capture(text, templates, scopedVars);
  const isAll = (segment: string) => references[Number(ALONE.exec(segment)?.[1])]?.all === true;
  const kept = withoutAll(segments(marked), isAll);
  const used = kept.flatMap((segment) => [...segment.matchAll(MARKER)].map(([, index]) => references[Number(index)]));
  return {
    text: kept.map((segment) => (MARKED.test(segment) ? renderSegment(segment, references) : segment)).join(''),
    listed: [...new Set(used.filter(({ all }) => all).map(({ name }) => name))],
  };
}

export function interpolateLucene(text: string, templates: Templates, scopedVars?: ScopedVars): string {
  return fillLucene(text, templates, scopedVars).text;
}

// A quoted phrase, a word, or one character between words. A backslash takes the next character along;
// + - ! are operators at a word's start and part of the word inside it.
const SEGMENT = /"(?:\\[^]|[^"\\])*"?|[+\-!](?=.)|(?:\\[^]|[^\s"():[\]{}^~\\])+|[^]/g;

/** Splits a Lucene query into phrases, words, and the characters between them. */
export function segments(text: string): string[] {
  return text.match(SEGMENT) ?? [];
}

function renderSegment(segment: string, references: Reference[]): string {
  if (segment.startsWith('"')) {
    return anyOf(fill(segment, references, escapePhrase));
  }
  const alone = ALONE.exec(segment);
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

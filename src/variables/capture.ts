import type { ScopedVars, TypedVariableModel } from '@grafana/data';
import { queryProblems } from '../strings/query';

/** The part of Grafana's template service that interpolation needs. */
export interface Templates {
  replace(text: string, scopedVars?: ScopedVars, format?: (value: unknown, variable: { name?: string }) => string): string;
  getVariables(): TypedVariableModel[];
}

/** The values that one variable reference stands for. */
export interface Reference {
  name: string;
  values: string[];
  /** The variable is at All: its values are those that it lists, which need not be every value there is. */
  all: boolean;
}

/** A string in which each variable reference has become a marker for an entry of `references`. */
export interface Captured {
  text: string;
  references: Reference[];
  /** The string refers to a variable at All with a custom value for All, which Grafana inserts without asking for a format. */
  customAll: boolean;
}

// Grafana's own value for a multi-value variable with nothing selected. It matches no event; an empty list would match all.
const NOTHING_SELECTED = '__empty__';
const ALL_VALUE = '$__all';
const REFERENCE = /\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}|\[\[(\w+)(?:\.[^:\]]+)?(?::([^\]]+))?\]\]/g;

// Private-use characters: they occur in no audit log and no query.
const OPEN = '\uE000';
const CLOSE = '\uE001';
export const MARKER = /\uE000(\d+)\uE001/g;

/** Replaces references with markers. Grafana fills in a reference with an explicit format (`${name:raw}`) itself. */
export function capture(text: string, templates: Templates, scopedVars?: ScopedVars): Captured {
  const references: Reference[] = [];
  const atAll = namesAtAll(templates);
  const replaced = templates.replace(text.replace(/[\uE000\uE001]/g, ''), scopedVars, (value, variable) => {
    const name = variable?.name ?? '';
    references.push({ name, ...toValues(value, atAll.has(name)) });
    return `${OPEN}${references.length - 1}${CLOSE}`;
  });
  const customAll = references.length === 0 && refersTo(text, atAll);
  return { text: replaced, references, customAll };
}

function toValues(value: unknown, variableAtAll: boolean): Omit<Reference, 'name'> {
  if (Array.isArray(value)) {
    const values = value.length > 0 ? value.map(String) : [NOTHING_SELECTED];
    // A panel repeated by a variable at All sees one plain value: that is not All.
    return { values, all: variableAtAll || values.includes(ALL_VALUE) };
  }
  return { values: [String(value ?? '')], all: value === ALL_VALUE };
}

function namesAtAll(templates: Templates): Set<string> {
  const atAll = templates.getVariables().filter((variable) => {
    const value = 'current' in variable && variable.current && 'value' in variable.current ? variable.current.value : undefined;
    return Array.isArray(value) ? value.includes(ALL_VALUE) : value === ALL_VALUE;
  });
  return new Set(atAll.map(({ name }) => name));
}

function refersTo(text: string, names: Set<string>): boolean {
  return [...text.matchAll(REFERENCE)].some(([, plain, braced, bracedFormat, bracketed, bracketedFormat]) => {
    const format = bracedFormat ?? bracketedFormat;
    return !format && names.has(plain ?? braced ?? bracketed);
  });
}

/** The maximum number of strings that several variables side by side may stand for. */
export const MAX_COMBINATIONS = 1000;

/** Variables side by side stand for more strings than MAX_COMBINATIONS. The message is for the user. */
export class TooManyCombinations extends Error {
  constructor(text: string, count: number) {
    super(queryProblems.tooManyCombinations(text.replace(MARKER, '…'), count, MAX_COMBINATIONS));
  }
}

/**
 * Returns every way to fill the markers of a string, one value of each reference at a time. The values of one variable are
 * never too many, but those of several multiply: beyond MAX_COMBINATIONS it throws TooManyCombinations.
 */
export function fill(text: string, references: Reference[], write: (value: string) => string): string[] {
  const pieces = text.split(MARKER);
  const counts = pieces.filter((_, index) => index % 2 === 1).map((piece) => references[Number(piece)].values.length);
  const combinations = counts.reduce((product, count) => product * count, 1);
  if (counts.length > 1 && combinations > MAX_COMBINATIONS) {
    throw new TooManyCombinations(text, combinations);
  }
  return pieces.reduce<string[]>(
    (texts, piece, index) => {
      const isMarker = index % 2 === 1;
      const choices = isMarker ? references[Number(piece)].values.map(write) : [piece];
      return texts.flatMap((start) => choices.map((choice) => start + choice));
    },
    ['']
  );
}

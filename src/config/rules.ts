import { configProblems } from '../strings/config';
import type { CatalogRule } from '../types';

export const OUTCOME_WORDS = ['failure', 'success', 'unknown'];
export const SEVERITY_WORDS = ['critical', 'error', 'warning', 'info'];

/** The columns of a rule, in the order of pasted lines. */
export const RULE_KEYS = ['pattern', 'category', 'action', 'outcome', 'severity', 'code'] as const;
export type RuleKey = (typeof RULE_KEYS)[number];

export const MAX_RULES = 500;
const MAX_PATTERN_BYTES = 1000;

/** Reads the rules of the settings. Provisioning from an environment variable turns the list into a JSON string. */
export function readRules(value: unknown): { rules: CatalogRule[]; problem?: string } {
  const list = typeof value === 'string' ? parseJson(value) : value;
  if (list === undefined || list === null || list === '') {
    return { rules: [] };
  }
  if (!Array.isArray(list) || !list.every((rule) => typeof rule === 'object' && rule !== null)) {
    return { rules: [], problem: configProblems.storedRules };
  }
  return { rules: list.map(toRule) };
}

function toRule(raw: Record<string, unknown>): CatalogRule {
  const rule: CatalogRule = { pattern: '', category: '', action: '' };
  for (const key of RULE_KEYS) {
    const value = raw[key];
    if (typeof value === 'string' && (value || key in rule)) {
      rule[key] = value;
    }
  }
  return rule;
}

function parseJson(text: string): unknown {
  if (!text.trim()) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Returns the rules to save: without empty rows, and nothing if no row is left. */
export function storedRules(rules: CatalogRule[]): CatalogRule[] | undefined {
  const kept = rules.filter((rule) => RULE_KEYS.some((key) => rule[key]?.trim())).map((rule) => toRule({ ...rule }));
  return kept.length > 0 ? kept : undefined;
}

/** Describes what is wrong with one column of a rule, as far as the form can tell; the backend checks the rest. */
export function ruleProblem(rule: CatalogRule, key: RuleKey): string | undefined {
  const value = (rule[key] ?? '').trim();
  if (!RULE_KEYS.some((other) => rule[other]?.trim())) {
    return undefined;
  }
  switch (key) {
    case 'pattern':
      if (!value) {
        return configProblems.patternMissing;
      }
      return new TextEncoder().encode(rule.pattern).length > MAX_PATTERN_BYTES ? configProblems.patternLength(MAX_PATTERN_BYTES) : undefined;
    case 'category':
    case 'action':
      return NAME.test(value) ? undefined : configProblems.word;
    case 'outcome':
      return !value || OUTCOME_WORDS.includes(value) ? undefined : configProblems.oneOf(OUTCOME_WORDS);
    case 'severity':
      return !value || SEVERITY_WORDS.includes(value) ? undefined : configProblems.oneOf(SEVERITY_WORDS);
    case 'code':
      return !value || value.split('.').length === 2 && value.split('.').every((word) => NAME.test(word)) ? undefined : configProblems.code;
  }
}

const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** Reads pasted rules: a JSON list, or lines with the columns of a rule, separated by tabs. */
export function parseLines(text: string): { rules: CatalogRule[]; problem?: string } {
  if (text.trim().startsWith('[')) {
    return readRules(text);
  }
  const rules: CatalogRule[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim() || line.startsWith('#')) {
      continue;
    }
    const cells = line.split('\t');
    if (cells.length < 3 || cells.length > RULE_KEYS.length) {
      return { rules: [], problem: configProblems.pastedLine(index + 1, cells.length, RULE_KEYS) };
    }
    rules.push(toRule(Object.fromEntries(cells.map((cell, column) => [RULE_KEYS[column], column === 0 ? cell : cell.trim()]))));
  }
  return { rules };
}

/** Returns the words that rules add to the categories and actions of the catalog. */
export function wordsOfRules(value: unknown): { category: string[]; action: string[] } {
  const { rules } = readRules(value);
  const words = (key: 'category' | 'action') => [...new Set(rules.map((rule) => rule[key].trim()).filter(Boolean))];
  return { category: words('category'), action: words('action') };
}

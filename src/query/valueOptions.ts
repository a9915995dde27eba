import { valueStrings as texts } from '../strings/query';
import type { FilterField } from '../types';
import type { FieldValues } from '../variables/values';
import { networkAround, networkOfPattern } from './networks';

/** An option of a picker. */
export interface ValueOption {
  value: string;
  label: string;
  description?: string;
}

/** Returns the options of a filter: the values found, most frequent first, then the other known words that fit what was typed. */
export function valueOptions(field: FilterField, typed: string, known: string[], { values, complete }: FieldValues): ValueOption[] {
  const found = values.filter(({ value }) => value !== '').map(({ value, count }) => ({ value, label: value, description: texts.events(count, complete) }));
  const missing = known.filter((word) => matches(word, typed) && !values.some(({ value }) => value === word));
  return [...networkOptions(field, typed), ...found, ...missing.map((word) => ({ value: word, label: word }))];
}

function matches(word: string, typed: string): boolean {
  return word.toLowerCase().includes(typed.trim().toLowerCase());
}

function networkOptions(field: FilterField, typed: string): ValueOption[] {
  const network = field === 'address' ? (networkOfPattern(typed) ?? networkAround(typed)) : undefined;
  return network ? [{ value: network, label: network, description: texts.network }] : [];
}

/** Returns the value as a filter takes it: a pattern such as 203.0.113.* is a network. */
export function toFilterValue(field: FilterField, typed: string): string {
  return (field === 'address' && networkOfPattern(typed)) || typed;
}

/** Returns the value that differs from a wanted one only in case, where the wanted one itself does not occur. */
export function differentCase(wanted: string, values: string[]): string | undefined {
  return values.includes(wanted) ? undefined : values.find((value) => value.toLowerCase() === wanted.toLowerCase());
}

/** Returns the text that values must begin with to be worth suggesting for what was typed. */
export function prefixOf(typed: string): string {
  return typed.trim().replace(/[.*]+$/, '');
}

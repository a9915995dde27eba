import { useEffect, useState } from 'react';
import { sha256 } from '../live/sha256';
import type { CompleteQuery } from '../query/defaults';
import { toRows } from '../query/filterRows';

/** Whether the Lucene query is folded to a line or open for editing. Filters are in view either way. */
export type EditorMode = 'builder' | 'code';

type Conditions = Pick<CompleteQuery, 'query' | 'criteria' | 'exclusions'>;

type Storage = () => Pick<globalThis.Storage, 'getItem' | 'setItem'>;
type Stored = [name: string, mode: EditorMode];

const browserStorage: Storage = () => window.localStorage;
const STORAGE_KEY = 'carbonblack-auditlog-datasource.editorModes';
const MAX_REMEMBERED = 50;

/**
 * Returns how a query is edited, and what changes that. A query opens as this browser showed it last; else in the builder, or as
 * code if it has a Lucene query. The query model has no key for the mode, so the query is recognized by its conditions.
 */
export function useEditorMode(query: Conditions, storage = browserStorage): [EditorMode, (mode: EditorMode) => void] {
  const name = nameOf(query);
  const natural = query.query === '' ? 'builder' : 'code';
  const [mode, setMode] = useState<EditorMode>(() => readModes(storage).find(([stored]) => stored === name)?.[1] ?? natural);
  useEffect(() => remember(storage, name, mode === natural ? undefined : mode), [storage, name, mode, natural]);
  return [mode, setMode];
}

function remember(storage: Storage, name: string, mode: EditorMode | undefined): void {
  const before = readModes(storage);
  const others = before.filter(([stored]) => stored !== name);
  const next = mode ? [[name, mode] as Stored, ...others].slice(0, MAX_REMEMBERED) : others;
  if (JSON.stringify(next) !== JSON.stringify(before)) {
    try {
      storage().setItem(STORAGE_KEY, JSON.stringify(next));
    } catch {
      return; // The browser may refuse its storage, or it is full: the mode then lasts as long as the editor.
    }
  }
}

function readModes(storage: Storage): Stored[] {
  try {
    const stored: unknown = JSON.parse(storage().getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isStored) : [];
  } catch {
    return [];
  }
}

function isStored(value: unknown): value is Stored {
  return Array.isArray(value) && typeof value[0] === 'string' && ['builder', 'code'].includes(value[1]);
}

function nameOf(query: Conditions): string {
  const rows = toRows(query).map((row) => JSON.stringify(row));
  return sha256(JSON.stringify([query.query, rows.sort()])).slice(0, 16);
}

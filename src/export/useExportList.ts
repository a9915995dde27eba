import { useSyncExternalStore } from 'react';
import { exportApi } from './api';
import { ExportList, type ExportListState } from './exportList';
import { rememberedExports } from './remembered';

const lists = new Map<string, ExportList>();

/** The list of a data source is one for the page: it outlives every editor, and several show the same. */
export function exportListOf(uid: string): ExportList {
  const list = lists.get(uid) ?? new ExportList(exportApi(uid), rememberedExports(uid, () => window.localStorage), Date.now);
  lists.set(uid, list);
  return list;
}

export function useExportList(list: ExportList): ExportListState {
  return useSyncExternalStore(list.subscribe, list.getState);
}

import { useSyncExternalStore } from 'react';
import { currentOrg, exportApi } from './api';
import { ExportList, type ExportListState } from './exportList';
import { rememberedExports } from './remembered';

const lists = new Map<string, ExportList>();

/** Returns the list of a data source. There is one per page: it outlives its editors, and several of them show the same. */
export function exportListOf(uid: string): ExportList {
  const list = lists.get(uid) ?? new ExportList(exportApi(uid), rememberedExports(currentOrg(), uid, () => window.localStorage), Date.now);
  lists.set(uid, list);
  return list;
}

export function useExportList(list: ExportList): ExportListState {
  return useSyncExternalStore(list.subscribe, list.getState);
}

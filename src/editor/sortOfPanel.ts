import { LogSortOrderChangeEvent, LogsSortOrder } from '@grafana/data';
import { getAppEvents } from '@grafana/runtime';
import { useEffect, useRef } from 'react';
import type { SortOrder } from '../types';

// A logs panel announces its order when it appears, and again when somebody changes it. Only a change is a wish: a query keeps the
// order that it was saved with. So what panels announce is remembered from the start, also while no editor is open.
let known: SortOrder | undefined;
let subscription: { unsubscribe: () => void } | undefined;
const followers = new Set<(order: SortOrder) => void>();

/** Starts to listen to the order of logs panels; more than once changes nothing. */
export function watchSortOfPanels(): void {
  subscription ??= getAppEvents()?.subscribe?.(LogSortOrderChangeEvent, ({ payload: { order } }) => {
    const next: SortOrder = order === LogsSortOrder.Ascending ? 'asc' : 'desc';
    const isChange = known !== undefined && known !== next;
    known = next;
    if (isChange) {
      followers.forEach((follow) => follow(next));
    }
  });
}

/** Reports the order of a logs panel when somebody changes it. */
export function useSortOfPanel(active: boolean, follow: (order: SortOrder) => void): void {
  const latest = useRef(follow);
  useEffect(() => {
    latest.current = follow;
  });
  useEffect(() => {
    if (!active) {
      return undefined;
    }
    const follower = (order: SortOrder) => latest.current(order);
    followers.add(follower);
    return () => {
      followers.delete(follower);
    };
  }, [active]);
}

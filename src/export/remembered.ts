const MAX_IDS = 20;

/** The ids of the exports that this browser has started, newest first, for one data source of one organization. */
export interface Remembered {
  ids(): string[];
  add(id: string): void;
  remove(id: string): void;
}

export function rememberedExports(orgId: number, uid: string, storage: () => Pick<Storage, 'getItem' | 'setItem'>): Remembered {
  const key = `carbonblack-auditlog-datasource.exports.${orgId}.${uid}`;
  const ids = (): string[] => {
    try {
      const stored: unknown = JSON.parse(storage().getItem(key) ?? '[]');
      return Array.isArray(stored) ? stored.filter((id) => typeof id === 'string') : [];
    } catch {
      return []; // The browser may refuse its storage. The data source's own list remains.
    }
  };
  const write = (next: string[]) => {
    try {
      storage().setItem(key, JSON.stringify(next.slice(0, MAX_IDS)));
    } catch {
      return; // Refused as above, or full.
    }
  };
  return {
    ids,
    add: (id) => write([id, ...ids().filter((other) => other !== id)]),
    remove: (id) => write(ids().filter((other) => other !== id)),
  };
}

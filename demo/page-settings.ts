/** What the address of the page and the browser's storage say. */
export interface PageSettings {
  /** Name of the store. Another one makes this tab another device. */
  readonly storeName: string;
  /** Base address of the sync server. */
  readonly syncUrl: string;
  /** Address of what PostgreSQL holds: always the page's own server. */
  readonly booksUrl: string;
}

const STORE_NAME_DEFAULT = 'stockcount';
const WORK_OFFLINE_KEY = 'daybook-demo:work-offline';

/** Reads `?device=<name>` and `?sync=<url>`. */
export function readPageSettings(address: URL): PageSettings {
  const device = address.searchParams.get('device');
  return {
    storeName: device === null || device === '' ? STORE_NAME_DEFAULT : device,
    syncUrl: address.searchParams.get('sync') ?? address.origin,
    booksUrl: `${address.origin}/demo/books`,
  };
}

/** The offline switch, remembered over reloads and shared by all tabs: any of them may be the one that sends. */
export const workOfflineSetting = {
  read(storage: Storage): boolean {
    return storage.getItem(WORK_OFFLINE_KEY) === 'yes';
  },
  write(storage: Storage, workOffline: boolean): void {
    if (workOffline) storage.setItem(WORK_OFFLINE_KEY, 'yes');
    else storage.removeItem(WORK_OFFLINE_KEY);
  },
  /** Whether another tab changed it; a null key is a storage that was cleared. */
  isAbout(event: StorageEvent): boolean {
    return event.key === WORK_OFFLINE_KEY || event.key === null;
  },
};

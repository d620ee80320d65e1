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

const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1']);

/**
 * Reads `?device=<name>` and `?sync=<url>`.
 *
 * A link is made by anybody, and must not send a device's counts anywhere: only a server on the page's own machine is
 * taken, and any other is as if it were not there.
 */
export function readPageSettings(address: URL): PageSettings {
  const device = address.searchParams.get('device');
  return {
    storeName: device === null || device === '' ? STORE_NAME_DEFAULT : device,
    syncUrl: localSyncUrl(address) ?? address.origin,
    booksUrl: `${address.origin}/demo/books`,
  };
}

function localSyncUrl(address: URL): string | undefined {
  const asked = address.searchParams.get('sync');
  if (asked === null || !URL.canParse(asked) || !LOCAL_NAMES.has(address.hostname)) return undefined;
  const { protocol, hostname } = new URL(asked);
  return protocol === 'http:' && LOCAL_NAMES.has(hostname) ? asked : undefined;
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

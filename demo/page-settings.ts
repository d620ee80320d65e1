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
const NAME_KEY = 'daybook-demo:name:';

/** Characters of a name. */
export const NAME_LENGTH_MAX = 24;

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

/** Who counts on this device, as somebody has typed it. Each store has its own: another one is another device. */
export class CounterNameSetting {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #defaultName: string;

  /** @param defaultName - until somebody has typed one */
  constructor(storage: Storage, storeName: string, defaultName: string) {
    this.#storage = storage;
    this.#key = `${NAME_KEY}${storeName}`;
    this.#defaultName = defaultName;
  }

  read(): string {
    return this.#storage.getItem(this.#key) ?? this.#defaultName;
  }

  /** Keeps a name; an empty one is none. */
  write(name: string): void {
    const kept = name.trim().slice(0, NAME_LENGTH_MAX);
    if (kept === '') this.#storage.removeItem(this.#key);
    else this.#storage.setItem(this.#key, kept);
  }

  /** Whether another tab changed it; a null key is a storage that was cleared. */
  isAbout(event: StorageEvent): boolean {
    return event.key === this.#key || event.key === null;
  }
}

/** A name for a device that nobody has named: what it is, as far as a page can tell, and enough of its id. */
export function deviceNameDefault(isHandHeld: boolean, shortId: string): string {
  return `${isHandHeld ? 'Phone' : 'Desk'} ${shortId}`;
}

/** What the address of the page and the browser's storage say. */
export interface PageSettings {
  /** Name of the store. Another one makes this tab another device. */
  readonly storeName: string;
  /** Base address of the sync server. */
  readonly syncUrl: string;
  /** Address of what PostgreSQL holds: always the page's own server. */
  readonly booksUrl: string;
  /** Who counts, until somebody has typed a name; undefined when the address says nothing of it. */
  readonly counterName: string | undefined;
}

const STORE_NAME_DEFAULT = 'stockcount';
const WORK_OFFLINE_KEY = 'daybook-demo:work-offline:';
const NAME_KEY = 'daybook-demo:name:';

/** Characters of a name. */
export const NAME_LENGTH_MAX = 24;

const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1']);

/**
 * Reads `?device=<name>`, `?sync=<url>` and `?name=<who counts>`.
 *
 * A link is made by anybody, and must not send a device's counts anywhere: only a server on the page's own machine is
 * taken, and any other is as if it were not there.
 */
export function readPageSettings(address: URL): PageSettings {
  const { searchParams } = address;
  return {
    storeName: searchParams.get('device') || STORE_NAME_DEFAULT,
    counterName: keptName(searchParams.get('name') ?? '') || undefined,
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

/** The offline switch, remembered over reloads and shared by all tabs of a store: any of them may be the one that sends. */
export class WorkOfflineSetting {
  readonly #storage: Storage;
  readonly #key: string;

  constructor(storage: Storage, storeName: string) {
    this.#storage = storage;
    this.#key = `${WORK_OFFLINE_KEY}${storeName}`;
  }

  read(): boolean {
    return this.#storage.getItem(this.#key) === 'yes';
  }

  write(workOffline: boolean): void {
    if (workOffline) this.#storage.setItem(this.#key, 'yes');
    else this.#storage.removeItem(this.#key);
  }

  /** Whether another tab changed it; a null key is a storage that was cleared. */
  isAbout(event: StorageEvent): boolean {
    return event.key === this.#key || event.key === null;
  }
}

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
    const kept = keptName(name);
    if (kept === '') this.#storage.removeItem(this.#key);
    else this.#storage.setItem(this.#key, kept);
  }

  /** Whether another tab changed it; a null key is a storage that was cleared. */
  isAbout(event: StorageEvent): boolean {
    return event.key === this.#key || event.key === null;
  }
}

function keptName(name: string): string {
  return name.trim().slice(0, NAME_LENGTH_MAX);
}

/** A name for a device that nobody has named: what it is, as far as a page can tell, and enough of its id. */
export function deviceNameDefault(isHandHeld: boolean, shortId: string): string {
  return `${isHandHeld ? 'Phone' : 'Desk'} ${shortId}`;
}

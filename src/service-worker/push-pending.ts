/**
 * Sends what is pending while no page is open.
 *
 * ```text
 * nobody synchronises? ─▶ read checkpoint and journal ─▶ push, as long as the server takes it ─▶ let go
 * ```
 *
 * Invariants:
 * 1. Nothing of the store is written: what was sent stays pending until a page of the log has it, which a page asks for. It
 *    sends the same again then, and is told that it is known.
 * 2. A tab comes first: none that synchronises is disturbed, and one that comes meanwhile has its turn within two seconds.
 *
 * @module
 */
import { storeHeld } from '../host/protocol/client-errors.js';
import { validateStoreName } from '../host/protocol/store-name.js';
import { openDatabase } from '../host/open-database.js';
import { openReader } from '../host/replica-reader.js';
import { openLockName, syncLockName } from '../origin/origin-names.js';
import { holdLock, leadIfFree } from '../origin/web-locks.js';
import { ProgrammingError } from '../persistence/errors.js';
import { findStore } from '../persistence/indexeddb/find-store.js';
import type { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { checkedServerUrl, checkedUrl } from '../persistence/validation.js';
import { ExchangeWork } from '../sync/exchange/exchange-work.js';
import { HttpTransport } from '../sync/exchange/http-transport.js';
import type { GetToken } from '../sync/exchange/server-requests.js';
import { StoreSubject } from '../sync/exchange/store-subject.js';
import { systemClock } from '../util/clock.js';
import { SentUnits } from './sent-units.js';

/** Options of {@link pushPending}. */
export interface PushPendingOptions {
  /** Name of the store, as for `openDaybook`. */
  readonly name: string;
  /** Base address of the server, as for `startSync`; one that is relative belongs to the service worker's script. */
  readonly url: string;
  /** As for `startSync`. There is no page to ask: keep the token where the service worker finds it. @defaultValue no token */
  readonly getToken?: GetToken;
  /** As for `startSync`. A store that is nobody's yet is left to a page. @defaultValue whoever comes may */
  readonly subject?: string | undefined;
  /** As for `startSync`. @defaultValue none */
  readonly tenant?: string;
  /** As that of `startSync`. @defaultValue nothing */
  readonly app?: string | undefined;
  /** Where `sql-wasm.wasm` lies. To be named where the service worker is bundled as no module. @defaultValue beside the package's script */
  readonly wasmUrl?: string | URL;
  /** How to reach the network. @defaultValue the platform's `fetch` */
  readonly fetch?: typeof globalThis.fetch;
}

/** What a push without a page came to. */
export interface PushPendingResult {
  /**
   * - `sent`: the server has all that was pending
   * - `page-needed`: something is left that only a page decides: it is refused; it, or what was recorded before it, stands in
   *   another's place; or the server is to get something back first
   * - `busy`: a tab synchronises the store, or took the turn
   * - `no-store`: there is none
   */
  readonly outcome: 'sent' | 'page-needed' | 'busy' | 'no-store';
  /** Units that were pending when it began, and are until a page confirms them; 0 where nobody has looked. */
  readonly pendingUnits: number;
}

/**
 * Sends what is pending in a store, for a service worker in whose `sync` or `periodicsync` event there may be no page. It
 * confirms nothing: that is for the next page, which gets what was sent by following the server's log.
 *
 * Does nothing while a tab synchronises. It reads the whole store: with many events that takes a moment, and memory.
 *
 * @throws UnavailableError (`UNAVAILABLE`) and others of `startSync` when the server does not take it: a `sync` event that
 *   waits for this is tried again by the browser. What was taken before is there
 * @throws SubjectMismatchError (`SUBJECT_MISMATCH`) when the store is another one's
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`), CorruptJournalError (`CORRUPT_JOURNAL`) and others of
 *   `openDaybook` when the store cannot be read
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is wrong
 *
 * @example
 * ```ts
 * // The service worker. A page has said: (await navigator.serviceWorker.ready).sync.register('daybook')
 * addEventListener('sync', (event) => {
 *   if (event.tag !== 'daybook') return;
 *   event.waitUntil(pushPending({ name: 'stock-count', url: 'https://sync.example.com', getToken: readToken }));
 * });
 * ```
 */
export async function pushPending(options: PushPendingOptions): Promise<PushPendingResult> {
  const { name, url, subject } = options;
  validateStoreName(name);
  checkedServerUrl('url', url);
  if (subject === '') throw new ProgrammingError('subject must name one, or be left out.');
  let result: PushPendingResult | undefined;
  await leadIfFree(syncLockName(name), async (stolen) => {
    const pushed = await pushStore(options, stolen).catch((error: unknown) => {
      if (!stolen.aborted) throw error;
      return undefined;
    });
    result = stolen.aborted ? undefined : pushed;
  });
  return result ?? { outcome: 'busy', pendingUnits: 0 };
}

async function pushStore(options: PushPendingOptions, signal: AbortSignal): Promise<PushPendingResult> {
  const { name, wasmUrl } = options;
  // Whoever deletes the store waits for it.
  const release = await holdLock(openLockName(name), 'shared', () => storeHeld(name, 'deleted'));
  try {
    const journal = await findStore(name, systemClock);
    if (journal === 'none') return { outcome: 'no-store', pendingUnits: 0 };
    if (journal === 'unfinished') return { outcome: 'page-needed', pendingUnits: 0 };
    try {
      const database = await openDatabase({
        wasmUrl: wasmUrl === undefined ? undefined : checkedUrl('wasmUrl', wasmUrl, location.href).href,
      });
      return await push(options, journal, await openReader(database, journal), signal);
    } finally {
      journal.close();
    }
  } finally {
    release?.();
  }
}

async function push(
  options: PushPendingOptions,
  { identity }: IndexedDbJournal,
  recorder: DurableRecorder,
  signal: AbortSignal,
): Promise<PushPendingResult> {
  const { url, tenant, app, getToken, subject, fetch = globalThis.fetch.bind(globalThis) } = options;
  const units = new SentUnits(recorder);
  // Read once: nobody hears of other tabs here, and nothing is written.
  const progress = await recorder.syncProgress();
  const { pendingUnits } = progress;
  if (!(await isBound(recorder, subject))) return { outcome: 'page-needed', pendingUnits };
  const transport = new HttpTransport({
    ...{ url, tenant, app, replicaId: identity.replicaId, getToken, fetch, clock: systemClock },
  });
  const work = new ExchangeWork({ recorder: units, transport, direction: 'push', clock: systemClock });
  // Whatever else there is to do changes the store.
  while (work.next(progress) === 'push') {
    signal.throwIfAborted();
    await work.do('push', progress, signal);
  }
  const [left] = await recorder.selectPendingUnits(work.acceptedUpTo, { eventsMax: 1, bytesMax: 1 });
  const isWhole = left === undefined && !units.hasRefused;
  return { outcome: isWhole ? 'sent' : 'page-needed', pendingUnits };
}

/** @returns whether it is this one's; not, where it is nobody's yet */
async function isBound(recorder: DurableRecorder, subject: string | undefined): Promise<boolean> {
  let isFree = false;
  const remembering = new Error('A service worker binds no store.');
  const store = new StoreSubject(
    {
      maxTrackingId: (applicationName) => recorder.maxTrackingId(applicationName),
      insertEvents: () => {
        isFree = true;
        return Promise.reject(remembering);
      },
    },
    subject,
  );
  try {
    await store.bind();
  } catch (error) {
    if (error !== remembering) throw error;
  }
  return !isFree;
}

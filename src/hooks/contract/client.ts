/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What a page has of an application: opened when something of it is first shown, once, whoever asks and how often.
 *
 * ```text
 * closed ──open, or watched──▶ opening ──▶ open ──the store is lost──▶ failed
 *   ▲                             │ └──it fails──────────────────────────▲ │
 *   │                             └─────────────◀──open again────────────┼─┘
 *   └── close, from any of these; another client of this name ──────────┘
 * ```
 *
 * Invariants:
 * 1. `open` runs once at a time, and never while what it opened before is still closing.
 * 2. Of clients with one name only the last that was made is open: a module that is loaded anew takes its place.
 * 3. Without a page nothing is opened by being shown.
 *
 * @module
 */
import { InterfaceError, ProgrammingError } from '../../persistence/errors.js';
import type { ChangeSource } from '../../persistence/store-changes.js';
import type { SyncStatus } from '../../sync/sync-status.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import type { ClientParts, ClientState, View, ViewOptions, ViewQuery } from './client-parts.js';
import { ClientSync } from './client-sync.js';
import { ClientViews } from './client-views.js';
import { ClientCommands } from './command-runs.js';
import type { CommandRuns, OwnCommand } from './command-runs.js';
import { HAS_PAGE } from './observed.js';
import type { Observed } from './observed.js';

/** Options of {@link createClient}. */
export interface ClientOptions<Parts extends ClientParts> {
  /** Of the store. Another client of this name takes the place of this one. */
  readonly name: string;
  /**
   * Opens what the application is made of. Called when something of it is first shown, and again after it has failed or was
   * closed.
   *
   * @param signal - aborted when the client is closed meanwhile
   */
  readonly open: (signal: AbortSignal) => Promise<Parts>;
  /**
   * Closes what {@link ClientOptions.open} gave.
   *
   * @defaultValue closes what can be closed (`Symbol.asyncDispose`) among the fields, the last one first: name them in the order
   *   in which they were opened
   */
  readonly close?: ((parts: Parts) => Promise<void>) | undefined;
  /** How long the result of a view that nobody shows any more is kept, milliseconds. @defaultValue 10,000 */
  readonly keepMs?: number | undefined;
  /** Time and timers. @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

/** What a page has of an application. Made by {@link createClient}. */
export interface DaybookClient<Parts extends ClientParts = ClientParts> extends AsyncDisposable {
  readonly name: string;
  /** How it stands. Watching it opens nothing. */
  readonly state: Observable<ClientState<Parts>>;
  /**
   * Opens, unless it is open: to begin before anything is shown, and to try again after it has failed.
   *
   * @throws what {@link ClientOptions.open} throws
   * @throws InterfaceError (`INTERFACE_ERROR`) when another client of this name has been made, or it was closed meanwhile
   */
  open(): Promise<Parts>;
  /**
   * What a query gives, kept up to date while somebody watches. The same object for the same query and equal `params`, in all
   * components, until nobody has watched it for a while.
   */
  view<T, const Params extends readonly unknown[] = readonly []>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    options?: ViewOptions,
  ): View<T>;
  /** Commands of a component: of a decider, or a function of one's own. @param run - asked each time for what is run */
  commands<Args extends readonly unknown[], Result>(
    run: () => OwnCommand<Parts, Args, Result>,
  ): CommandRuns<Args, Result>;
  /** How synchronisation stands; `undefined` while nothing is open, and where there is none. Opens it while somebody watches. */
  readonly syncStatus: Observed<SyncStatus | undefined>;
  /** How it stands, for who shows that: opens it while somebody watches. */
  readonly shownState: Observed<ClientState<Parts>>;
  /** Closes what was opened. What is shown stays. Closing twice is fine; what is shown anew opens it again. */
  close(): Promise<void>;
}

const CLOSED = { status: 'closed', parts: undefined, error: undefined } as const;
const OPENING = { status: 'opening', parts: undefined, error: undefined } as const;

/**
 * Makes the client of a store. Nothing is opened before something is shown, or `open` is called.
 *
 * Make it in a module of its own. That a development server loads the module anew closes what the one before has opened, first.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `name` is empty, `open` or `close` is no function, or `keepMs` no time
 *
 * @example
 * ```ts
 * export const stock = createClient({
 *   name: 'stock-count',
 *   open: async (signal) => {
 *     const daybook = await openDaybook({ name: 'stock-count', signal });
 *     const app = new Application({ recorder: daybook.recorder, aggregates: [stockItem] });
 *     const live = new LiveQueries({ recorder: daybook.recorder });
 *     const sync = startSync({ store: daybook, application: app, url: '/sync' });
 *     return { daybook, app, live, sync };
 *   },
 * });
 * export const { useAggregate, useCommand, useSyncStatus, useView } = daybookHooks(stock);
 * ```
 */
export function createClient<Parts extends ClientParts>(options: ClientOptions<Parts>): DaybookClient<Parts> {
  if (typeof options.name !== 'string' || options.name === '') throw new ProgrammingError('name must name a store.');
  const { open, close, keepMs = 0 } = options;
  if (typeof open !== 'function') throw new ProgrammingError('open is no function.');
  if (close !== undefined && typeof close !== 'function') throw new ProgrammingError('close is no function.');
  if (typeof keepMs !== 'number' || !(keepMs >= 0))
    throw new ProgrammingError('keepMs must be a number of milliseconds.');
  return new OpeningClient(options);
}

/** Shared by every copy of the library that a page loads, and by what a development server loads anew. */
const CLIENTS: unique symbol = Symbol.for('daybook.clients') as never;

function namedClients(): Map<string, OpeningClient<ClientParts>> {
  const holder = globalThis as { [CLIENTS]?: Map<string, OpeningClient<ClientParts>> | undefined };
  return (holder[CLIENTS] ??= new Map<string, OpeningClient<ClientParts>>());
}

class OpeningClient<Parts extends ClientParts> implements DaybookClient<Parts> {
  readonly #options: ClientOptions<Parts>;
  readonly #views: ClientViews<Parts>;
  readonly #state = new ObservableValue<ClientState<Parts>>(CLOSED);
  readonly #shown: Observed<ClientState<Parts>>;
  readonly syncStatus: Observed<SyncStatus | undefined> = new ClientSync<Parts>(this);
  /** The one whose place this has taken. */
  #before: OpeningClient<ClientParts> | undefined;
  #isReplaced: boolean = false;
  #opening: Promise<Parts> | undefined;
  #abort = new AbortController();
  #closing: Promise<unknown> = Promise.resolve();
  #stopWatching: () => void = () => undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: ClientOptions<Parts>) {
    this.#options = options;
    const { keepMs = 10_000, clock = systemClock } = options;
    this.#views = new ClientViews({ client: this, keepMs, clock });
    const state = this.#state;
    this.#shown = {
      initial: CLOSED,
      get value() {
        return state.value;
      },
      subscribe: (listener) => {
        // What it fails with is in its state.
        this.open().catch(() => undefined);
        return state.subscribe(listener);
      },
    };
    // A server makes one for each request, and none of them takes the place of another.
    if (!HAS_PAGE) return;
    const clients = namedClients();
    this.#before = clients.get(options.name);
    this.#before?.noteReplaced();
    clients.set(options.name, this as never);
  }

  /** Another one of this name has been made. */
  noteReplaced(): void {
    this.#isReplaced = true;
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): Observable<ClientState<Parts>> {
    return this.#state;
  }

  view<T, const Params extends readonly unknown[] = readonly []>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    options: ViewOptions = {},
  ): View<T> {
    return this.#views.view(query, params, options);
  }

  commands<Args extends readonly unknown[], Result>(
    run: () => OwnCommand<Parts, Args, Result>,
  ): CommandRuns<Args, Result> {
    return new ClientCommands(() => this.open(), run);
  }

  get shownState(): Observed<ClientState<Parts>> {
    return this.#shown;
  }

  async open(): Promise<Parts> {
    this.#refuseReplaced();
    const { value } = this.#state;
    if (value.status === 'open') return value.parts;
    return await (this.#opening ??= this.#open());
  }

  async close(): Promise<void> {
    this.#abort.abort(new InterfaceError(`The client ${this.name} was closed.`));
    const { value } = this.#state;
    const opening = this.#opening;
    this.#opening = undefined;
    this.#stopWatching();
    if (value.status !== 'closed') this.#state.set(CLOSED);
    this.#closing = Promise.all([
      value.status === 'open' ? this.#close(value.parts) : this.#closing,
      // What is still being opened closes itself, because it finds that it was called off.
      opening?.catch(() => undefined),
    ]);
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #refuseReplaced(): void {
    if (this.#isReplaced) throw replaced(this.name);
  }

  async #open(): Promise<Parts> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#state.set(OPENING);
    try {
      await this.#before?.close();
      this.#before = undefined;
      await this.#closing.catch(() => undefined);
      abort.signal.throwIfAborted();
      const parts = await this.#options.open(abort.signal);
      if (abort.signal.aborted) await this.#close(parts);
      abort.signal.throwIfAborted();
      this.#opening = undefined;
      this.#state.set({ status: 'open', parts, error: undefined });
      this.#watch(parts);
      return parts;
    } catch (thrown) {
      if (!abort.signal.aborted) this.#fail(thrown);
      throw thrown;
    }
  }

  /** Hears of the end of the store: it fails then, and may be opened again. */
  #watch(parts: Parts): void {
    const source = parts.app.recorder as Partial<ChangeSource>;
    const stop = source.onChanged?.(
      () => undefined,
      (error) => {
        if (this.#state.value.parts !== parts) return;
        this.#closing = this.#close(parts).catch(() => undefined);
        this.#fail(error);
      },
    );
    this.#stopWatching = stop ?? ((): void => undefined);
  }

  #fail(thrown: unknown): void {
    this.#opening = undefined;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#state.set({ status: 'failed', parts: undefined, error });
  }

  async #close(parts: Parts): Promise<void> {
    const { close = closeFields } = this.#options;
    await close(parts);
  }
}

/** The last one first. One that fails keeps the others from nothing. @throws what the first one that failed has thrown */
async function closeFields(parts: object): Promise<void> {
  const failures: unknown[] = [];
  for (const part of Object.values(parts).reverse() as (Partial<AsyncDisposable> | undefined)[]) {
    try {
      await part?.[Symbol.asyncDispose]?.();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function replaced(name: string): InterfaceError {
  return new InterfaceError(
    `Another client of the name ${name} has taken the place of this one. Make a client once, in a module of its own.`,
  );
}

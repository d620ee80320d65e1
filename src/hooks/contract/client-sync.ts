/**
 * How the synchronisation of a client stands, also before there is one.
 *
 * @module
 */
import type { SyncStatus } from '../../sync/sync-status.js';
import type { Observable } from '../../util/observable.js';
import { ObservableValue } from '../../util/observable.js';
import type { ClientParts, ClientState } from './client-parts.js';
import type { Observed } from './observed.js';

/** Implements the status of a client's synchronisation: opens it while somebody watches. */
export class ClientSync<Parts extends ClientParts> implements Observed<SyncStatus | undefined> {
  readonly initial = undefined;
  readonly #client: { open(): Promise<Parts>; readonly state: Observable<ClientState<Parts>> };
  readonly #status = new ObservableValue<SyncStatus | undefined>(undefined);
  #watchers = 0;
  #stopClient: () => void = () => undefined;
  #stopSync: () => void = () => undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(client: { open(): Promise<Parts>; readonly state: Observable<ClientState<Parts>> }) {
    this.#client = client;
  }

  get value(): SyncStatus | undefined {
    return this.#status.value;
  }

  readonly subscribe = (listener: (status: SyncStatus | undefined) => void): (() => void) => {
    if (++this.#watchers === 1) this.#watch();
    const stop = this.#status.subscribe(listener);
    let isWatching = true;
    return () => {
      stop();
      if (isWatching && --this.#watchers === 0) {
        this.#stopClient();
        this.#stopSync();
      }
      isWatching = false;
    };
  };

  #watch(): void {
    this.#stopClient = this.#client.state.subscribe(({ parts }) => {
      this.#stopSync();
      this.#stopSync = parts?.sync?.status.subscribe((status) => this.#status.set(status)) ?? this.#forget();
    });
    // What it fails with is in its state.
    this.#client.open().catch(() => undefined);
  }

  /** Nobody knows while nothing is open. */
  #forget(): () => void {
    if (this.value !== undefined) this.#status.set(undefined);
    return () => undefined;
  }
}

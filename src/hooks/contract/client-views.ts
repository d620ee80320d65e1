/**
 * The views of a client: one live query for all who show the same.
 *
 * @module
 */
import type { LiveQuery, LiveState } from '../../live/live-query.js';
import { keyBy, shared } from '../../live/shared-structure.js';
import type { Clock } from '../../util/clock.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import type { ClientParts, ClientState, View, ViewOptions, ViewQuery } from './client-parts.js';
import { HAS_PAGE } from './observed.js';

/** What {@link ClientViews} need. */
export interface ClientViewsParts<Parts extends ClientParts> {
  readonly client: { open(): Promise<Parts>; readonly state: Observable<ClientState<Parts>> };
  readonly keepMs: number;
  readonly clock: Clock;
}

const LOADING = { status: 'loading', data: undefined, error: undefined } as const;

type AnyQuery<Parts> = ViewQuery<Parts, unknown, never>;

/** Gives the same view to all who ask the same. */
export class ClientViews<Parts extends ClientParts> {
  readonly #parts: ClientViewsParts<Parts>;
  readonly #views = new WeakMap<AnyQuery<Parts>, SharedView<Parts, unknown>[]>();

  constructor(parts: ClientViewsParts<Parts>) {
    this.#parts = parts;
  }

  view<T, Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    { key }: ViewOptions,
  ): View<T> {
    const views = this.#views.get(query) ?? [];
    const known = views.find((view) => view.key === key && areSame(view.params, params));
    if (known !== undefined) return known as unknown as View<T>;
    const view = new SharedView<Parts, T>({
      ...{ ...this.#parts, params, key, query: query as unknown as ViewQuery<Parts, T, readonly unknown[]> },
      onLeft: () => {
        const at = views.indexOf(view);
        if (at >= 0) views.splice(at, 1);
      },
    });
    if (!HAS_PAGE) return view;
    views.push(view);
    this.#views.set(query, views);
    view.leaveLater();
    return view;
  }
}

/** Whether two lists of parameters say the same: plain values by what is in them, all others by which they are. */
export function areSame(before: readonly unknown[], after: readonly unknown[]): boolean {
  return Object.is(
    shared(before, after, () => undefined),
    before,
  );
}

interface SharedViewParts<Parts extends ClientParts, T> extends ClientViewsParts<Parts> {
  readonly query: ViewQuery<Parts, T, readonly unknown[]>;
  readonly params: readonly unknown[];
  readonly key: string | undefined;
  /** Nobody has watched for a while. */
  readonly onLeft: () => void;
}

class SharedView<Parts extends ClientParts, T> implements View<T> {
  readonly initial: LiveState<T> = LOADING;
  readonly #means: SharedViewParts<Parts, T>;
  readonly #state = new ObservableValue<LiveState<T>>(LOADING);
  #watchers = 0;
  #live: { readonly parts: Parts; readonly query: LiveQuery<T> } | undefined;
  #stopLive: () => void = () => undefined;
  #stopClient: () => void = () => undefined;
  #stay: () => void = () => undefined;
  #ready: Promise<void> | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(means: SharedViewParts<Parts, T>) {
    this.#means = means;
  }

  get params(): readonly unknown[] {
    return this.#means.params;
  }

  get key(): string | undefined {
    return this.#means.key;
  }

  get value(): LiveState<T> {
    return this.#state.value;
  }

  readonly subscribe = (listener: (state: LiveState<T>) => void): (() => void) => {
    if (++this.#watchers === 1) this.#watch();
    const stop = this.#state.subscribe(listener);
    let isWatching = true;
    return () => {
      stop();
      if (isWatching && --this.#watchers === 0) this.#unwatch();
      isWatching = false;
    };
  };

  async ready(): Promise<void> {
    await (this.#ready ??= new Promise((resolve) => {
      const stop = this.subscribe(({ status }) => {
        if (status === 'loading') return;
        resolve();
        // Who waited for it shows it soon, and watches it then.
        const { clock, keepMs } = this.#means;
        clock.schedule(() => stop(), keepMs);
      });
    }));
  }

  async refresh(): Promise<void> {
    await this.#live?.query.refresh();
  }

  /** Is not kept when nobody watches it for a while. */
  leaveLater(): void {
    this.#stay();
    const { clock, keepMs, onLeft } = this.#means;
    this.#stay = clock.schedule(() => this.#watchers === 0 && onLeft(), keepMs);
  }

  #watch(): void {
    this.#stay();
    const { client } = this.#means;
    this.#stopClient = client.state.subscribe(({ parts, error }) => {
      if (parts !== undefined) this.#show(parts);
      else if (error !== undefined) this.#state.set({ status: 'failed', data: this.value.data, error });
    });
    // What it fails with is in its state.
    client.open().catch(() => undefined);
  }

  #unwatch(): void {
    this.#stopClient();
    this.#stopLive();
    this.leaveLater();
  }

  #show(parts: Parts): void {
    const { query, params, key } = this.#means;
    this.#stopLive();
    if (this.#live?.parts !== parts) {
      const options = key === undefined ? {} : { key };
      this.#live = { parts, query: parts.live.query((read) => query(read, parts, ...params), options) };
    }
    this.#stopLive = this.#live.query.subscribe((state) => {
      // What was shown before the store was opened again is shown until there is something else.
      if (state.status !== 'loading' || this.value.status === 'failed') this.#state.set(this.#withData(state));
    });
  }

  #withData(state: LiveState<T>): LiveState<T> {
    const { data } = this.value;
    if (state.status === 'loading') return data === undefined ? state : { status: 'current', data, error: undefined };
    if (state.status !== 'current' || data === undefined || Object.is(data, state.data)) return state;
    return { ...state, data: shared<T>(data, state.data, keyBy(this.#means.key)) };
  }
}

/**
 * Hooks for Svelte 5, by its signals: no stores, and no `$`.
 *
 * @module
 */
import { getContext, setContext } from 'svelte';
import { createSubscriber } from 'svelte/reactivity';
import type { AggregateDefinition, AnyDecider } from '../../application/aggregates/aggregate-kind.js';
import type { EventsOf, LoadedAs } from '../../application/aggregates/repository.js';
import type { ExecutedBy } from '../../application/commands/command-executor.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { ReadEventsOptions } from '../../application/selection.js';
import type { LiveState } from '../../live/live-query.js';
import type { SyncStatus } from '../../sync/sync-status.js';
import type { ClientParts, ClientState, ViewOptions, ViewQuery } from '../contract/client-parts.js';
import type { DaybookClient } from '../contract/client.js';
import type { CommandRuns, CommandState, ExecuteDecider, OwnCommand } from '../contract/command-runs.js';
import type { Observed } from '../contract/observed.js';
import { signalHooks } from '../contract/signal-hooks.js';

export * from '../contract/index.js';

/** A view: each field is read anew where it is shown, so take them from the object, not apart. */
export type ShownView<T> = LiveState<T>;

/** A command, and how it stands. */
export type ShownCommand<Args extends readonly unknown[], Result> = CommandState<Result> &
  Pick<CommandRuns<Args, Result>, 'execute' | 'reset'>;

/** How the client stands, and a way to try again. */
export type ShownClient<Parts> = ClientState<Parts> & {
  /** Opens again what has failed. */
  readonly retry: () => void;
};

/** Hooks over one client. Called while a component is made; what they give is followed wherever it is shown. */
export interface SvelteHooks<Parts extends ClientParts> {
  /** Gives another client to the components inside of this one: of another store, or of a test. It is lent. */
  provideDaybook(client: DaybookClient<Parts>): void;
  /** How the client stands; opens it. */
  useDaybook(): ShownClient<Parts>;
  /**
   * What a query gives, kept up to date. `loading` at first, then what is on this device: the network is not waited for. Rows that
   * have not changed stay the same objects.
   *
   * @param params - gives what of the component it uses, `() => [below]`, compared by what is in it. @defaultValue none
   */
  useView<T>(query: ViewQuery<Parts, T>): ShownView<T>;
  useView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: () => Params,
    options?: ViewOptions,
  ): ShownView<T>;
  /** As {@link SvelteHooks.useView}, once there is a result: for `await` and boundaries. On a server at once. */
  useSuspenseView<T>(query: ViewQuery<Parts, T>): Promise<ShownView<T>>;
  useSuspenseView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: () => Params,
    options?: ViewOptions,
  ): Promise<ShownView<T>>;
  /** An aggregate, or what it is before its first event. */
  useAggregate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string | (() => string),
  ): ShownView<LoadedAs<Definition>>;
  /** Events in their order, all or some. */
  useEvents<Definition extends AggregateDefinition = AggregateDefinition>(
    options?: ReadEventsOptions<Definition> | (() => ReadEventsOptions<Definition>),
  ): ShownView<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Commands: of a decider, or a function of one's own over what the client is made of. */
  useCommand<Decider extends AnyDecider>(
    decider: Decider,
  ): ShownCommand<Parameters<ExecuteDecider<Decider>>, ExecutedBy<Decider>>;
  useCommand<Args extends readonly unknown[], Result>(run: OwnCommand<Parts, Args, Result>): ShownCommand<Args, Result>;
  /** How synchronisation stands, as `current`; `undefined` while nothing is open, and where there is none. */
  useSyncStatus(): { readonly current: SyncStatus | undefined };
}

/**
 * The hooks of a client, typed by what it is made of. Needs no provider: one is for tests, and for several stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened.
 *
 * @example
 * ```svelte
 * <script lang="ts">
 *   import { useView } from './stock';
 *   let below = $state(5);
 *   const few = useView(
 *     (read, { states }, most: number) => read.find(states, items, { where: { quantity: { lt: most } } }),
 *     () => [below],
 *   );
 * </script>
 * {#each few.data ?? [] as { id, data } (id)}<li>{data.name}: {data.quantity}</li>{/each}
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): SvelteHooks<Parts> {
  const key = Symbol(client.name);
  return {
    provideDaybook: (provided) => void setContext(key, provided),
    ...signalHooks<Parts>({ useClient: () => provided(key) ?? client, useObserved, valueOf }),
  } as SvelteHooks<Parts>;
}

/** `undefined` where none is, and where no component is being made. */
function provided<Parts extends ClientParts>(key: symbol): DaybookClient<Parts> | undefined {
  try {
    return getContext<DaybookClient<Parts> | undefined>(key);
  } catch {
    return undefined;
  }
}

function valueOf(value: unknown): unknown {
  return typeof value === 'function' ? (value as () => unknown)() : value;
}

/** One for each that is observed, so that effects that show the same share one watching. */
const FOLLOWED = new WeakMap<Observed<object | undefined>, () => void>();

function current(observed: Observed<object | undefined>): object | undefined {
  let follow = FOLLOWED.get(observed);
  if (follow === undefined) {
    follow = createSubscriber((update) => {
      let isTold = false;
      const stop = observed.subscribe(() => {
        // At once, while this is shown: it is read below.
        if (isTold) update();
      });
      isTold = true;
      return stop;
    });
    FOLLOWED.set(observed, follow);
  }
  follow();
  return observed.value;
}

function useObserved(observed: () => Observed<object | undefined>, fields: readonly string[] = ['current']): object {
  const isWhole = fields[0] === 'current';
  const get = (field: string) => (): unknown => {
    const value = current(observed());
    return isWhole ? value : (value as Readonly<Record<string, unknown>>)[field];
  };
  return Object.defineProperties(
    {},
    Object.fromEntries(fields.map((field) => [field, { get: get(field), enumerable: true, configurable: true }])),
  );
}

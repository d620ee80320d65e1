/**
 * Hooks for Solid.
 *
 * @module
 */
import {
  createComponent,
  createComputed,
  createContext,
  createSignal,
  onCleanup,
  onMount,
  sharedConfig,
  untrack,
  useContext,
} from 'solid-js';
import type { Accessor, JSX } from 'solid-js';
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
import { HAS_PAGE } from '../contract/observed.js';
import type { Observed } from '../contract/observed.js';
import { signalHooks } from '../contract/signal-hooks.js';

export * from '../contract/index.js';

/** A view: each field is followed where it is read, so take them from the object, not apart. */
export type ShownView<T> = LiveState<T>;

/** A command, and how it stands. */
export type ShownCommand<Args extends readonly unknown[], Result> = CommandState<Result> &
  Pick<CommandRuns<Args, Result>, 'execute' | 'reset'>;

/** How the client stands, and a way to try again. */
export type ShownClient<Parts> = ClientState<Parts> & {
  /** Opens again what has failed. */
  readonly retry: () => void;
};

/** Hooks over one client. */
export interface SolidHooks<Parts extends ClientParts> {
  /** Gives another client to what is inside of it: of another store, or of a test. It is lent. */
  DaybookProvider(props: { readonly client: DaybookClient<Parts>; readonly children?: JSX.Element }): JSX.Element;
  /** How the client stands; opens it. */
  useDaybook(): ShownClient<Parts>;
  /**
   * What a query gives, kept up to date. `loading` at first, then what is on this device: the network is not waited for. Rows that
   * have not changed stay the same objects, so `<For>` leaves them alone.
   *
   * @param params - gives what of the component it uses, `() => [below()]`, compared by what is in it. @defaultValue none
   */
  useView<T>(query: ViewQuery<Parts, T>): ShownView<T>;
  useView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: () => Params,
    options?: ViewOptions,
  ): ShownView<T>;
  /** As {@link SolidHooks.useView}, once there is a result: for `createResource` and `<Suspense>`. On a server at once. */
  useSuspenseView<T>(query: ViewQuery<Parts, T>): Promise<ShownView<T>>;
  useSuspenseView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: () => Params,
    options?: ViewOptions,
  ): Promise<ShownView<T>>;
  /** An aggregate, or what it is before its first event. */
  useAggregate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string | Accessor<string>,
  ): ShownView<LoadedAs<Definition>>;
  /** Events in their order, all or some. */
  useEvents<Definition extends AggregateDefinition = AggregateDefinition>(
    options?: ReadEventsOptions<Definition> | Accessor<ReadEventsOptions<Definition>>,
  ): ShownView<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Commands: of a decider, or a function of one's own over what the client is made of. */
  useCommand<Decider extends AnyDecider>(
    decider: Decider,
  ): ShownCommand<Parameters<ExecuteDecider<Decider>>, ExecutedBy<Decider>>;
  useCommand<Args extends readonly unknown[], Result>(run: OwnCommand<Parts, Args, Result>): ShownCommand<Args, Result>;
  /** How synchronisation stands; `undefined` while nothing is open, and where there is none. */
  useSyncStatus(): Accessor<SyncStatus | undefined>;
}

/**
 * The hooks of a client, typed by what it is made of. Needs no provider: one is for tests, and for several stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened; a page takes that over as it is.
 *
 * @example
 * ```tsx
 * export const { useView } = daybookHooks(stock);
 *
 * function Few(props: { readonly below: number }): JSX.Element {
 *   const few = useView(
 *     (read, { states }, most: number) => read.find(states, items, { where: { quantity: { lt: most } } }),
 *     () => [props.below],
 *   );
 *   return <For each={few.data}>{({ data }) => <li>{data.name}: {data.quantity}</li>}</For>;
 * }
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): SolidHooks<Parts> {
  const Provided = createContext(client);
  return {
    DaybookProvider: (props: { readonly client: DaybookClient<Parts>; readonly children?: JSX.Element }) =>
      createComponent(Provided.Provider, {
        value: props.client,
        get children() {
          return props.children;
        },
      }),
    ...signalHooks<Parts>({ useClient: () => useContext(Provided), useObserved, valueOf }),
  } as SolidHooks<Parts>;
}

function valueOf(value: unknown): unknown {
  return typeof value === 'function' ? (value as () => unknown)() : value;
}

function useObserved(observed: () => Observed<object | undefined>, fields?: readonly string[]): object {
  const first = untrack(observed);
  // A page takes over what a server has made: it has to be the same at first.
  const isTakenOver = HAS_PAGE && sharedConfig.context !== undefined;
  const [state, set] = createSignal(isTakenOver ? first.initial : first.value);
  const begin = (): void => {
    createComputed(() => {
      const now = observed();
      onCleanup(untrack(() => now.subscribe((value) => set(() => value))));
    });
  };
  if (isTakenOver) onMount(begin);
  else if (HAS_PAGE) begin();
  if (fields === undefined) return state;
  const get = (field: string) => (): unknown => (state() as Readonly<Record<string, unknown>>)[field];
  return Object.defineProperties(
    {},
    Object.fromEntries(fields.map((field) => [field, { get: get(field), enumerable: true, configurable: true }])),
  );
}

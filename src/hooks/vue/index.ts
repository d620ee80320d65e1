/**
 * Hooks for Vue.
 *
 * @module
 */
import {
  computed,
  getCurrentInstance,
  hasInjectionContext,
  inject,
  onMounted,
  provide,
  shallowRef,
  toValue,
  watch,
} from 'vue';
import type { ComputedRef, MaybeRefOrGetter, ShallowRef } from 'vue';
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

/** Each field of a state as a ref. */
export type Refs<State> = { readonly [Field in keyof State]: ComputedRef<State[Field]> };

/** A view as refs. */
export interface ViewRefs<T> {
  readonly status: ComputedRef<LiveState<T>['status']>;
  /** What is there. `undefined` until the first result. */
  readonly data: ComputedRef<T | undefined>;
  readonly error: ComputedRef<Error | undefined>;
}

/** A command as refs. */
export type CommandRefs<Args extends readonly unknown[], Result> = Refs<CommandState<Result>> &
  Pick<CommandRuns<Args, Result>, 'execute' | 'reset'>;

/** How the client stands, as refs, and a way to try again. */
export interface ClientRefs<Parts> {
  readonly status: ComputedRef<ClientState<Parts>['status']>;
  readonly parts: ComputedRef<Parts | undefined>;
  readonly error: ComputedRef<Error | undefined>;
  /** Opens again what has failed. */
  readonly retry: () => void;
}

/** Hooks over one client. */
export interface VueHooks<Parts extends ClientParts> {
  /** Gives another client to the components inside of this one: of another store, or of a test. It is lent. */
  provideDaybook(client: DaybookClient<Parts>): void;
  /** How the client stands; opens it. */
  useDaybook(): ClientRefs<Parts>;
  /**
   * What a query gives, kept up to date. `loading` at first, then what is on this device: the network is not waited for. Rows that
   * have not changed stay the same objects.
   *
   * @param params - what of the component it uses: a ref, a getter or a list, compared by what is in it. @defaultValue none
   */
  useView<T>(query: ViewQuery<Parts, T>): ViewRefs<T>;
  useView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: MaybeRefOrGetter<Params>,
    options?: ViewOptions,
  ): ViewRefs<T>;
  /** As {@link VueHooks.useView}, once there is a result, for `<Suspense>`; on a server at once. Never waits for the network. */
  useSuspenseView<T>(query: ViewQuery<Parts, T>): Promise<ViewRefs<T>>;
  useSuspenseView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: MaybeRefOrGetter<Params>,
    options?: ViewOptions,
  ): Promise<ViewRefs<T>>;
  /** An aggregate, or what it is before its first event. */
  useAggregate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: MaybeRefOrGetter<string>,
  ): ViewRefs<LoadedAs<Definition>>;
  /** Events in their order, all or some. */
  useEvents<Definition extends AggregateDefinition = AggregateDefinition>(
    options?: MaybeRefOrGetter<ReadEventsOptions<Definition>>,
  ): ViewRefs<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Commands: of a decider, or a function of one's own over what the client is made of. */
  useCommand<Decider extends AnyDecider>(
    decider: Decider,
  ): CommandRefs<Parameters<ExecuteDecider<Decider>>, ExecutedBy<Decider>>;
  useCommand<Args extends readonly unknown[], Result>(run: OwnCommand<Parts, Args, Result>): CommandRefs<Args, Result>;
  /** How synchronisation stands; `undefined` while nothing is open, and where there is none. */
  useSyncStatus(): Readonly<ShallowRef<SyncStatus | undefined>>;
}

/**
 * The hooks of a client, typed by what it is made of. Needs no provider: one is for tests, and for several stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened; a page takes that over as it is.
 *
 * @example
 * ```ts
 * export const { useView } = daybookHooks(stock);
 *
 * const below = ref(5);
 * const { data, error } = useView(
 *   (read, { states }, few: number) => read.find(states, items, { where: { quantity: { lt: few } } }),
 *   () => [below.value],
 * );
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): VueHooks<Parts> {
  const key = Symbol(client.name);
  return {
    provideDaybook: (provided) => provide(key, provided),
    ...signalHooks<Parts>({
      useClient: () => (hasInjectionContext() ? inject(key, client) : client),
      useObserved,
      valueOf: toValue,
    }),
  } as VueHooks<Parts>;
}

/** What is observed while the component is there. */
function useObserved(observed: () => Observed<object | undefined>, fields?: readonly string[]): object {
  const first = observed();
  const instance = getCurrentInstance();
  // An element that is there before its component is one that a server has made.
  const isTakenOver = (instance?.vnode.el ?? undefined) !== undefined;
  const state = shallowRef(isTakenOver || !HAS_PAGE ? first.initial : first.value);
  const begin = (): void => {
    watch(observed, (now, _before, onCleanup) => onCleanup(now.subscribe((value) => (state.value = value))), {
      immediate: true,
      flush: 'sync',
    });
  };
  if (isTakenOver) onMounted(begin);
  else if (HAS_PAGE) begin();
  if (fields === undefined) return state;
  return Object.fromEntries(fields.map((field) => [field, computed(() => (state.value as Fields)[field])]));
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Injectables for Angular, by its signals: no zone is needed.
 *
 * @module
 */
import { computed, effect, inject, InjectionToken, signal, untracked } from '@angular/core';
import type { Provider, Signal } from '@angular/core';
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

/** Each field of a state as a signal. */
export type Signals<State> = { readonly [Field in keyof State]: Signal<State[Field]> };

/** A view as signals. */
export interface ViewSignals<T> {
  readonly status: Signal<LiveState<T>['status']>;
  /** What is there. `undefined` until the first result. */
  readonly data: Signal<T | undefined>;
  readonly error: Signal<Error | undefined>;
}

/** A command as signals. */
export type CommandSignals<Args extends readonly unknown[], Result> = Signals<CommandState<Result>> &
  Pick<CommandRuns<Args, Result>, 'execute' | 'reset'>;

/** How the client stands, as signals, and a way to try again. */
export interface ClientSignals<Parts> {
  readonly status: Signal<ClientState<Parts>['status']>;
  readonly parts: Signal<Parts | undefined>;
  readonly error: Signal<Error | undefined>;
  /** Opens again what has failed. */
  readonly retry: () => void;
}

/** Injectables over one client. Each is called where Angular injects: in a constructor or a field. */
export interface AngularHooks<Parts extends ClientParts> {
  /** Provides another client: of another store, or of a test. It is lent. */
  provideDaybook(client: DaybookClient<Parts>): Provider;
  /** How the client stands; opens it. */
  injectDaybook(): ClientSignals<Parts>;
  /**
   * What a query gives, kept up to date. `loading` at first, then what is on this device: the network is not waited for. Rows that
   * have not changed stay the same objects.
   *
   * @param params - gives what of the component it uses, `() => [this.below()]`, compared by what is in it. @defaultValue none
   */
  injectView<T>(query: ViewQuery<Parts, T>): ViewSignals<T>;
  injectView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: () => Params,
    options?: ViewOptions,
  ): ViewSignals<T>;
  /** An aggregate, or what it is before its first event. */
  injectAggregate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string | (() => string),
  ): ViewSignals<LoadedAs<Definition>>;
  /** Events in their order, all or some. */
  injectEvents<Definition extends AggregateDefinition = AggregateDefinition>(
    options?: ReadEventsOptions<Definition> | (() => ReadEventsOptions<Definition>),
  ): ViewSignals<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Commands: of a decider, or a function of one's own over what the client is made of. */
  injectCommand<Decider extends AnyDecider>(
    decider: Decider,
  ): CommandSignals<Parameters<ExecuteDecider<Decider>>, ExecutedBy<Decider>>;
  injectCommand<Args extends readonly unknown[], Result>(
    run: OwnCommand<Parts, Args, Result>,
  ): CommandSignals<Args, Result>;
  /** How synchronisation stands; `undefined` while nothing is open, and where there is none. */
  injectSyncStatus(): Signal<SyncStatus | undefined>;
}

/**
 * The injectables of a client, typed by what it is made of. Nothing needs to be provided: that is for tests, and for several
 * stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened.
 *
 * @example
 * ```ts
 * export const { injectView } = daybookHooks(stock);
 *
 * @Component({ selector: 'app-few', template: '@for (item of few.data() ?? []; track item.id) { <li>{{ item.data.name }}</li> }' })
 * export class Few {
 *   readonly below = input(5);
 *   readonly few = injectView(
 *     (read, { states }, most: number) => read.find(states, items, { where: { quantity: { lt: most } } }),
 *     () => [this.below()],
 *   );
 * }
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): AngularHooks<Parts> {
  const token = new InjectionToken<DaybookClient<Parts>>(`daybook ${client.name}`, {
    providedIn: 'root',
    factory: () => client,
  });
  const hooks = signalHooks<Parts>({ useClient: () => inject(token), useObserved, valueOf });
  return {
    provideDaybook: (provided: DaybookClient<Parts>) => ({ provide: token, useValue: provided }),
    injectDaybook: hooks.useDaybook,
    injectView: hooks.useView,
    injectAggregate: hooks.useAggregate,
    injectEvents: hooks.useEvents,
    injectCommand: hooks.useCommand,
    injectSyncStatus: hooks.useSyncStatus,
  } as unknown as AngularHooks<Parts>;
}

function valueOf(value: unknown): unknown {
  return typeof value === 'function' ? (value as () => unknown)() : value;
}

function useObserved(observed: () => Observed<object | undefined>, fields?: readonly string[]): object {
  const now = computed(observed);
  const changes = signal(0);
  if (HAS_PAGE) {
    effect((onCleanup) => {
      const watched = now();
      onCleanup(untracked(() => watched.subscribe(() => changes.update((count) => count + 1))));
    });
  }
  const state = computed(() => {
    changes();
    const watched = now();
    return HAS_PAGE ? watched.value : watched.initial;
  });
  if (fields === undefined) return state;
  return Object.fromEntries(
    fields.map((field) => [field, computed(() => (state() as Readonly<Record<string, unknown>>)[field])]),
  );
}

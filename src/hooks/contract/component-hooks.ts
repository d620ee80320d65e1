/**
 * Hooks for frameworks whose components run again for each change: React, and Preact.
 *
 * @module
 */
import type { AggregateDefinition, AnyDecider } from '../../application/aggregates/aggregate-kind.js';
import type { EventsOf, LoadedAs } from '../../application/aggregates/repository.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { ExecutedBy } from '../../application/commands/command-executor.js';
import type { ReadEventsOptions } from '../../application/selection.js';
import type { LiveState } from '../../live/live-query.js';
import type { SyncStatus } from '../../sync/sync-status.js';
import type { ClientParts, ClientState, View, ViewOptions, ViewQuery } from './client-parts.js';
import type { DaybookClient } from './client.js';
import { commandOf } from './command-runs.js';
import type { CommandRuns, CommandState, ExecuteDecider, OwnCommand } from './command-runs.js';
import type { Observed } from './observed.js';
import { aggregateView, askedView, eventsView } from './shown.js';
import type { AskedView } from './shown.js';

/** What {@link ComponentHooks} are made of. */
export interface HookMeans<Parts extends ClientParts> {
  /** The client that is provided. */
  readonly useClient: () => DaybookClient<Parts>;
  readonly useObserved: <T>(observed: Observed<T>) => T;
  readonly useState: <T>(initial: () => T) => readonly [T, (next: T) => void];
  /** Shows something else until the view has a result. Called in each rendering. */
  readonly waitFor: (view: View<unknown>) => void;
}

/** A command of a component, and how it stands. */
export type UsedCommand<Args extends readonly unknown[], Result> = CommandState<Result> &
  Pick<CommandRuns<Args, Result>, 'execute' | 'reset'>;

/** How the client stands, and a way to try again. */
export type UsedClient<Parts> = ClientState<Parts> & {
  /** Opens again what has failed. */
  readonly retry: () => void;
};

/** The result of a view that there is: what has failed without one is thrown. */
export type SuspendedState<T> = LiveState<T> & { readonly data: T };

/** Hooks over one client. */
export interface ComponentHooks<Parts extends ClientParts> {
  /** How the client stands; opens it. */
  useDaybook(): UsedClient<Parts>;
  /**
   * What a query gives, kept up to date. `loading` at first, then what is on this device: the network is not waited for. Rows that
   * have not changed stay the same objects.
   *
   * @param query - what it uses of the component has to be in `params`; it runs again when those are others
   * @param params - compared by what is in them. @defaultValue none
   */
  useView<T>(query: ViewQuery<Parts, T>): LiveState<T>;
  useView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    options?: ViewOptions,
  ): LiveState<T>;
  /**
   * As {@link ComponentHooks.useView}, but suspends until there is a result: never for the network.
   *
   * @param query - defined outside of the component: it is known by its function
   * @throws what the query is rejected with, for an error boundary
   */
  useSuspenseView<T>(query: ViewQuery<Parts, T>): SuspendedState<T>;
  useSuspenseView<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    options?: ViewOptions,
  ): SuspendedState<T>;
  /** An aggregate, or what it is before its first event. */
  useAggregate<Definition extends AggregateDefinition>(
    definition: Definition,
    id: string,
  ): LiveState<LoadedAs<Definition>>;
  /** Events in their order, all or some. */
  useEvents<Definition extends AggregateDefinition = AggregateDefinition>(
    options?: ReadEventsOptions<Definition>,
  ): LiveState<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Commands: of a decider, or a function of one's own over what the client is made of. */
  useCommand<Decider extends AnyDecider>(
    decider: Decider,
  ): UsedCommand<Parameters<ExecuteDecider<Decider>>, ExecutedBy<Decider>>;
  useCommand<Args extends readonly unknown[], Result>(run: OwnCommand<Parts, Args, Result>): UsedCommand<Args, Result>;
  /** How synchronisation stands; `undefined` while nothing is open, and where there is none. */
  useSyncStatus(): SyncStatus | undefined;
}

/** Makes hooks of what a framework has. */
export function componentHooks<Parts extends ClientParts>(means: HookMeans<Parts>): ComponentHooks<Parts> {
  const { useClient, useObserved, useState, waitFor } = means;

  function useAsked<T, const Params extends readonly unknown[]>(
    query: ViewQuery<Parts, T, Params>,
    params: Params,
    options: ViewOptions = {},
  ): View<T> {
    const client = useClient();
    const [before, keep] = useState<AskedView>(() => askedView(undefined, client, query, params, options));
    const asked = askedView(before, client, query, params, options);
    // Renders once more at once, before anything is shown, as a state that follows from others may.
    if (asked !== before) keep(asked);
    return asked.view as View<T>;
  }

  function useCommand<Args extends readonly unknown[], Result>(
    command: AnyDecider | OwnCommand<Parts, Args, Result>,
  ): UsedCommand<Args, Result> {
    const client = useClient();
    const hold = (): HeldCommand<Parts, Args, Result> => {
      const last = { command };
      return { client, last, runs: client.commands(() => commandOf<Parts, Args, Result>(last.command)) };
    };
    const [before, keep] = useState(hold);
    const held = before.client === client ? before : hold();
    if (held !== before) keep(held);
    const { last, runs } = held;
    // The newest is what a person sees, and means.
    last.command = command;
    const state = useObserved(runs);
    return { ...state, execute: runs.execute, reset: runs.reset };
  }

  return {
    useDaybook: () => {
      const client = useClient();
      const state = useObserved(client.shownState);
      return { ...state, retry: () => void client.open().catch(() => undefined) };
    },
    useView: <T, const Params extends readonly unknown[]>(
      query: ViewQuery<Parts, T, Params>,
      params = [] as unknown as Params,
      options?: ViewOptions,
    ) => useObserved(useAsked(query, params, options)),
    useSuspenseView: <T, const Params extends readonly unknown[]>(
      query: ViewQuery<Parts, T, Params>,
      params = [] as unknown as Params,
      options: ViewOptions = {},
    ) => {
      const view = useClient().view(query, params, options);
      waitFor(view);
      const state = useObserved(view);
      if (state.data === undefined && state.error !== undefined) throw state.error;
      return state as SuspendedState<T>;
    },
    useAggregate: (definition, id) => useObserved(aggregateView(useClient() as never, definition, id)),
    useEvents: <Definition extends AggregateDefinition>(options: ReadEventsOptions<Definition> = {}) =>
      useObserved(eventsView(useClient() as never, options)),
    useCommand: useCommand,
    useSyncStatus: () => useObserved(useClient().syncStatus),
  };
}

interface HeldCommand<Parts extends ClientParts, Args extends readonly unknown[], Result> {
  readonly client: DaybookClient<Parts>;
  readonly last: { command: AnyDecider | OwnCommand<Parts, Args, Result> };
  readonly runs: CommandRuns<Args, Result>;
}

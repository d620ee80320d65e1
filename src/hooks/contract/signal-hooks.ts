/**
 * Hooks for frameworks that know by signals what a component reads: Vue, Svelte, Solid, Angular. Each says how it holds what is
 * observed, and types what comes of it.
 *
 * @module
 */
import type { AggregateDefinition, AnyDecider } from '../../application/aggregates/aggregate-kind.js';
import type { ReadEventsOptions } from '../../application/selection.js';
import type { ClientParts, View, ViewOptions, ViewQuery } from './client-parts.js';
import type { DaybookClient } from './client.js';
import { commandOf } from './command-runs.js';
import type { OwnCommand } from './command-runs.js';
import { HAS_PAGE } from './observed.js';
import type { Observed } from './observed.js';
import { aggregateView, eventsView } from './shown.js';

/** What {@link signalHooks} are made of. */
export interface SignalMeans<Parts extends ClientParts> {
  /** The client that is provided where this is called. */
  readonly useClient: () => DaybookClient<Parts>;
  /**
   * Holds what is observed while the component is there. `observed` is asked again when a signal that it has read has changed.
   *
   * @param fields - of the value, of which what is returned has one each; the value itself where there are none
   */
  readonly useObserved: (observed: () => Observed<object | undefined>, fields?: readonly string[]) => object;
  /** What a signal, a getter or a value is now. */
  readonly valueOf: (value: unknown) => unknown;
}

/** Hooks without the types that a framework gives them. */
export interface SignalHooks {
  readonly useDaybook: () => object;
  readonly useView: (query: AnyQuery, params?: unknown, options?: ViewOptions) => object;
  readonly useSuspenseView: (query: AnyQuery, params?: unknown, options?: ViewOptions) => Promise<object>;
  readonly useAggregate: (definition: AggregateDefinition, id: unknown) => object;
  readonly useEvents: (options?: unknown) => object;
  readonly useCommand: (command: AnyCommand) => object;
  readonly useSyncStatus: () => object;
}

type AnyQuery = ViewQuery<never, unknown, never>;
type AnyCommand = AnyDecider | OwnCommand<never, never, unknown>;

const VIEW_FIELDS = ['status', 'data', 'error'];

/** Makes hooks of what a framework has. */
export function signalHooks<Parts extends ClientParts>(means: SignalMeans<Parts>): SignalHooks {
  const { useClient, useObserved, valueOf } = means;

  const viewOf = (query: AnyQuery, params: unknown, options: ViewOptions = {}): (() => View<unknown>) => {
    const client = useClient() as unknown as DaybookClient<never>;
    return () => client.view(query, valueOf(params) as never, options);
  };

  return {
    useDaybook: () => {
      const client = useClient();
      const state = useObserved(() => client.shownState, ['status', 'parts', 'error']);
      return withFields(state, { retry: () => void client.open().catch(() => undefined) });
    },
    useView: (query, params = [], options) => useObserved(viewOf(query, params, options), VIEW_FIELDS),
    useSuspenseView: async (query, params = [], options) => {
      const view = viewOf(query, params, options);
      const shown = useObserved(view, VIEW_FIELDS);
      if (!HAS_PAGE) return shown;
      await view().ready();
      const { data, error } = view().value;
      if (data === undefined && error !== undefined) throw error;
      return shown;
    },
    useAggregate: (definition, id) => {
      const client = useClient();
      return useObserved(() => aggregateView(client as never, definition, valueOf(id) as string), VIEW_FIELDS);
    },
    useEvents: (options = {}) => {
      const client = useClient();
      return useObserved(() => eventsView(client as never, valueOf(options) as ReadEventsOptions), VIEW_FIELDS);
    },
    useCommand: (command) => {
      const runs = useClient().commands(() => commandOf(command as AnyDecider));
      const state = useObserved(() => runs, ['pending', 'error', 'result', 'receipt']);
      return withFields(state, { execute: runs.execute, reset: runs.reset });
    },
    useSyncStatus: () => {
      const client = useClient();
      return useObserved(() => client.syncStatus);
    },
  };
}

/** Adds to an object whose fields may be getters. */
function withFields(state: object, fields: object): object {
  return Object.defineProperties(fields, Object.getOwnPropertyDescriptors(state));
}

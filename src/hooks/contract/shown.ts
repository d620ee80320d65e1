/**
 * What each adapter shows, as values that change: the same for all of them.
 *
 * @module
 */
import type { AggregateDefinition } from '../../application/aggregates/aggregate-kind.js';
import type { EventsOf, LoadedAs } from '../../application/aggregates/repository.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { ReadEventsOptions } from '../../application/selection.js';
import type { LiveReads } from '../../live/live-reads.js';
import type { ClientParts, View, ViewOptions, ViewQuery } from './client-parts.js';
import type { DaybookClient } from './client.js';
import { areSame } from './client-views.js';

// One function each, because a view is known by its function.
const loadAggregate = <Definition extends AggregateDefinition>(
  read: LiveReads,
  { app }: ClientParts,
  definition: Definition,
  id: string,
): Promise<LoadedAs<Definition>> => read.load(app, definition, id);

const readEvents = <Definition extends AggregateDefinition>(
  read: LiveReads,
  { app }: ClientParts,
  options: ReadEventsOptions<Definition>,
): Promise<readonly NotifiedEvent<EventsOf<Definition>>[]> => read.events(app, options);

/** An aggregate as it is, or as it is before its first event. */
export function aggregateView<Definition extends AggregateDefinition>(
  client: DaybookClient<never>,
  definition: Definition,
  id: string,
): View<LoadedAs<Definition>> {
  return client.view(loadAggregate, [definition, id] as const);
}

/** Events in their order. */
export function eventsView<Definition extends AggregateDefinition>(
  client: DaybookClient<never>,
  options: ReadEventsOptions<Definition>,
): View<readonly NotifiedEvent<EventsOf<Definition>>[]> {
  return client.view(readEvents, [options] as const, { key: 'notificationId' });
}

/** A view that a component shows, and by what it was asked for. */
export interface AskedView {
  readonly client: object;
  readonly query: (...args: never) => unknown;
  readonly params: readonly unknown[];
  readonly view: View<unknown>;
}

/**
 * The view that a component has asked for, kept while it asks for the same: of a query that is written in the component, and so
 * is another function each time, its text says whether it is the same.
 */
export function askedView<Parts extends ClientParts, T, const Params extends readonly unknown[]>(
  before: AskedView | undefined,
  client: DaybookClient<Parts>,
  query: ViewQuery<Parts, T, Params>,
  params: Params,
  options: ViewOptions,
): AskedView {
  if (before?.client === client && areSame(before.params, params)) {
    if (before.query === query || String(before.query) === String(query)) return before;
  }
  return { client, query, params, view: client.view(query, params, options) };
}

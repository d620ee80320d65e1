/**
 * Which events of an application are read.
 *
 * @module
 */
import type { CallOptions } from '../persistence/heed-signal.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { validateWord } from '../persistence/validation.js';
import { kindOf } from './aggregates/aggregate-kind.js';
import type { AggregateDefinition } from './aggregates/aggregate-kind.js';
import type { EventsOf } from './aggregates/repository.js';
import type { EventRegistry } from './events/event-registry.js';

/** Which events to read. */
export interface SelectionOptions<Definition extends AggregateDefinition = AggregateDefinition> {
  /** Only of these deciders and classes. @defaultValue all, events of aggregates that are not the application's included */
  readonly aggregates?: readonly Definition[] | undefined;
  /** Only of these types. @defaultValue all */
  readonly types?: readonly EventsOf<Definition>['type'][] | undefined;
  /** What to do with an event whose topic is not registered: `throw` a `TopicError`, or `skip` it. @defaultValue `'throw'` */
  readonly unknownTopic?: 'throw' | 'skip' | undefined;
  /** Only after this notification (exclusive). @defaultValue 0: from the beginning */
  readonly gt?: NotificationId | undefined;
}

/** Options of `Application.subscribe`. */
export interface SubscribeOptions<
  Definition extends AggregateDefinition = AggregateDefinition,
> extends SelectionOptions<Definition> {
  /** Ends the subscription when it is aborted, as the end of the iteration; nothing is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `Application.readAll`. */
export interface ReadEventsOptions<Definition extends AggregateDefinition = AggregateDefinition>
  extends SelectionOptions<Definition>, CallOptions {
  /** Up to this notification (inclusive). @defaultValue no bound */
  readonly stop?: NotificationId | undefined;
}

/**
 * The topics of a selection: filtered in the store, so that what is not wanted is not even read.
 *
 * @returns an empty list when everything is wanted
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing is selected, or `unknownTopic` is neither word
 */
export function selectedTopics(registry: EventRegistry, options: SelectionOptions): readonly string[] {
  const { aggregates, types, unknownTopic } = options;
  validateWord('unknownTopic', unknownTopic, ['throw', 'skip']);
  if (aggregates === undefined && types === undefined && unknownTopic !== 'skip') return [];
  const aggregateTypes = aggregates?.map((definition) => kindOf(definition).name);
  const topics = registry.topics({ aggregateTypes, types });
  // A recorder takes an empty list for no filter.
  if (topics.length === 0) {
    throw new ProgrammingError('Nothing was selected: there is no event of these aggregates and types.');
  }
  return topics;
}

/**
 * Which events of an application are read.
 *
 * @module
 */
import type { CallOptions } from '../persistence/heed-signal.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { validateWord } from '../persistence/validation.js';
import { withoutUndefined } from '../util/without-undefined.js';
import { kindOf } from './aggregates/aggregate-kind.js';
import type { AggregateDefinition } from './aggregates/aggregate-kind.js';
import type { EventsOf } from './aggregates/repository.js';
import { validateQuery } from './event-index/event-index.js';
import type { EventQuery } from './event-index/event-index.js';
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
  /** Only what this one has caused. Needs an event index, as the next two do. @defaultValue whoever it was */
  readonly actorId?: string | undefined;
  /** Only what has followed from this. @defaultValue whatever it was */
  readonly correlationId?: string | undefined;
  /**
   * Only this tenant's. Not left out by being undefined, which is refused: so that nobody reads all tenants' by accident.
   *
   * @defaultValue all tenants', and those of none
   */
  readonly tenantId?: string;
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
  /**
   * Only what occurred at this time, by the clock of its device, or later. Needs an event index, as `to` does.
   *
   * @defaultValue whenever it was, unknown times included
   */
  readonly from?: Date | undefined;
  /** Only what occurred before this time: `[from, to)` is half-open, so that days follow each other without a gap. */
  readonly to?: Date | undefined;
  /** At most so many; 0 gives none. Page on after the `notificationId` of the last one (`gt`). @defaultValue all */
  readonly limit?: number | undefined;
  /**
   * Whether each event comes with what a server says of it, by its clock (`event.server`), where a server has it. Takes a
   * store that follows one, or the option `serverRecords` of the application.
   *
   * @defaultValue false
   */
  readonly withServer?: boolean | undefined;
}

/** What of a selection is in no topic, and needs an event index. */
export type SelectedMetadata = Pick<EventQuery, 'actorId' | 'correlationId' | 'tenantId' | 'from' | 'to'>;

const SELECTION = ['aggregates', 'types', 'unknownTopic', 'gt', 'actorId', 'correlationId', 'tenantId', 'signal'];
/** What {@link validateSelection} knows of `Application.subscribe`. */
export const SUBSCRIBE_OPTIONS: ReadonlySet<string> = new Set(SELECTION);
/** What {@link validateSelection} knows of `Application.readAll`. */
export const READ_OPTIONS: ReadonlySet<string> = new Set([...SELECTION, 'stop', 'from', 'to', 'limit', 'withServer']);

/**
 * Refuses what would read other events than somebody means.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, or there is none of its name
 */
export function validateSelection(options: ReadEventsOptions, known: ReadonlySet<string>): void {
  const { gt, stop, limit, signal, unknownTopic, withServer } = options;
  const strange = Object.keys(options).find((key) => !known.has(key));
  if (strange !== undefined) {
    throw refused(strange, `There is no option ${strange}; there are ${[...known].join(', ')}.`);
  }
  if (Object.hasOwn(options, 'tenantId') && options.tenantId === undefined) {
    throw refused('tenantId', 'tenantId is undefined: leave it out to read the events of all tenants.');
  }
  validateWord('unknownTopic', unknownTopic, ['throw', 'skip']);
  for (const key of ['aggregates', 'types'] as const) {
    if (options[key] !== undefined && !Array.isArray(options[key])) throw refused(key, `${key} must be a list.`);
  }
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.aborted !== 'boolean') {
    throw refused('signal', 'signal must be an AbortSignal.');
  }
  if (withServer !== undefined && typeof withServer !== 'boolean') {
    throw refused('withServer', 'withServer must be true or false.');
  }
  validateQuery({ ...metadataOf(options), after: gt, stop, limit }, { after: 'gt' });
}

/** The conditions on metadata; `undefined` where there is none. */
export function selectedMetadata(options: ReadEventsOptions): SelectedMetadata | undefined {
  const metadata = metadataOf(options);
  return Object.keys(metadata).length === 0 ? undefined : metadata;
}

/**
 * The topics of a selection: filtered in the store, so that what is not wanted is not even read.
 *
 * @returns an empty list when everything is wanted
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing is selected
 */
export function selectedTopics(registry: EventRegistry, options: SelectionOptions): readonly string[] {
  const { aggregates, types, unknownTopic } = options;
  if (aggregates === undefined && types === undefined && unknownTopic !== 'skip') return [];
  const aggregateTypes = aggregates?.map((definition) => kindOf(definition).name);
  const topics = registry.topics({ aggregateTypes, types });
  // A recorder takes an empty list for no filter.
  if (topics.length === 0) {
    throw new ProgrammingError('Nothing was selected: there is no event of these aggregates and types.');
  }
  return topics;
}

function metadataOf({ actorId, correlationId, tenantId, from, to }: ReadEventsOptions): SelectedMetadata {
  return withoutUndefined({ actorId, correlationId, tenantId, from, to });
}

function refused(option: string, message: string): ProgrammingError {
  return new ProgrammingError(message, { details: { option } });
}

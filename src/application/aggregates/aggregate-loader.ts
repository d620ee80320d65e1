/**
 * Makes aggregates of their events, from as late a point as is known.
 *
 * ```text
 * the cache, else the snapshot, else what stands for events that have left, else nothing ──▶ events after it, read in one call ──▶ fold ──▶ the cache
 * ```
 *
 * Invariants:
 * 1. What it gives depends on the events alone: a cache or a snapshot changes the time that it takes, never the outcome.
 *    So the event that the kept state ends with is read as well, and a state whose last event is not there, because a
 *    database was restored or a transaction rolled back, is not used. Nor is one whose last event stands on another past
 *    by now, where that can be (`persistence/past.ts`).
 * 2. Every row is checked before any state is given: its aggregate, the type of that, and that no version is missing.
 * 3. A state is given where this release knows all that it is made of, and only there: nobody decides on less. So a
 *    snapshot of a release that knows more is not used, though its shape be the same.
 *
 * @module
 */
import { EventHandlerError } from '../../domain/domain-errors.js';
import type { Message } from '../../domain/message-types.js';
import { HistoryTruncatedError } from '../../persistence/errors.js';
import type { MapperDeserialisationError } from '../../persistence/errors.js';
import type { Past, PastEvents } from '../../persistence/past.js';
import { asEditionRecorder } from './edition-recorder.js';
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { AggregateCache } from './aggregate-cache.js';
import type { AggregateKind } from './aggregate-kind.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { EventRegistry } from '../events/event-registry.js';
import { ApplicationTooOldError } from './application-errors.js';
import { newerVersionOf } from '../events/newer-event.js';
import type { NewerVersion } from '../events/newer-event.js';
import type { LoadedAggregate } from './snapshot-codec.js';
import type { WholeHistory } from './older-events.js';
import type { FoundSnapshot, Snapshots } from './snapshots.js';

/** What an {@link AggregateLoader} is made of. */
export interface AggregateLoaderOptions {
  readonly recorder: AggregateRecorder;
  readonly registry: EventRegistry;
  readonly mapper: EventEnvelopeMapper;
  /** Where history may have left. @defaultValue none has */
  readonly history?: WholeHistory | undefined;
  readonly snapshots?: Snapshots | undefined;
  readonly cache?: AggregateCache | undefined;
}

/** Where to begin: a state, and whether a row is the event that made it what it is. */
interface StartingPoint {
  readonly aggregate: LoadedAggregate;
  isLastEvent(stored: StoredEvent): boolean | Promise<boolean>;
  /** Whether that event stands on the past that the state was made of. */
  isSamePast(past: Past): boolean;
}

/** An aggregate, and the last of the rows that were read for it. */
interface Folded {
  readonly aggregate: LoadedAggregate;
  readonly lastEvent: StoredEvent | undefined;
}

const NOTHING: PastEvents = { events: [], first: undefined, last: undefined };

/** Loads aggregates. */
export class AggregateLoader {
  readonly #options: AggregateLoaderOptions;

  constructor(options: AggregateLoaderOptions) {
    this.#options = options;
  }

  /**
   * @param upTo - the last version to take; `Infinity` for all there are
   * @returns version 0, and the state before the first event, when there are no events
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when a row is not of this aggregate, is of another type, or comes
   *   after a version that is missing; and when the aggregate has no handler for an event
   * @throws ApplicationTooOldError (`APPLICATION_TOO_OLD`) when a newer release has recorded a row, or what stands for those
   *   that have left
   * @throws TopicError (`TOPIC_ERROR`), MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when a row cannot be
   *   read for another reason
   */
  async load(kind: AggregateKind, id: string, upTo: number = Infinity): Promise<LoadedAggregate> {
    this.#options.registry.assertKnows(kind.name);
    const clearings = this.#options.cache?.clearings ?? 0;
    const start = await this.#startingPoint(kind, id, upTo);
    const loaded =
      (start === undefined ? undefined : await this.#loadFrom(kind, start, upTo)) ??
      (await this.#loadAll(kind, id, upTo));
    await this.#keep(kind, loaded, upTo, clearings);
    return loaded.aggregate;
  }

  async #startingPoint(kind: AggregateKind, id: string, upTo: number): Promise<StartingPoint | undefined> {
    const cached = await this.#options.cache?.get(kind, id);
    if (cached !== undefined && cached.aggregate.version <= upTo) {
      const { aggregate, lastEvent } = cached;
      return {
        aggregate,
        isLastEvent: (stored) => isSameEvent(stored, lastEvent),
        isSamePast: (past) => past.edition === aggregate.edition,
      };
    }
    const found = await this.#options.snapshots?.find(kind, id, upTo);
    if (found === undefined) return undefined;
    // It does not say in which edition it was taken.
    return this.#startOf(found, ({ isAsRecorded }) => isAsRecorded);
  }

  #startOf({ aggregate, eventId }: FoundSnapshot, isSamePast: StartingPoint['isSamePast']): StartingPoint {
    const isLastEvent = async (stored: StoredEvent): Promise<boolean> =>
      stored.originatorVersion === aggregate.version &&
      (await this.#options.mapper.toDomainEvent(stored)).metadata.eventId === eventId;
    return { aggregate, isLastEvent, isSamePast };
  }

  /** From the first event on, or from what stands for those that have left. */
  async #loadAll(kind: AggregateKind, id: string, upTo: number): Promise<Folded> {
    const empty = { id, version: 0, current: kind.empty(id) };
    try {
      return await this.#fold(kind, empty, await this.#read(id, undefined, upTo));
    } catch (error) {
      const { history } = this.#options;
      if (!(error instanceof HistoryTruncatedError) || history === undefined) throw error;
      const found = await history.find(kind, id, upTo);
      // A page has confirmed its event, so that nothing before it has changed.
      const start = found && this.#startOf(found, () => true);
      const loaded = start && (await this.#loadFrom(kind, start, upTo));
      return loaded ?? (await this.#fold(kind, empty, await this.#whole(kind, history, id, upTo)));
    }
  }

  async #whole(kind: AggregateKind, history: WholeHistory, id: string, upTo: number): Promise<PastEvents> {
    try {
      return await this.#readWhole(history, id, upTo);
    } catch (cause) {
      if (!(cause instanceof HistoryTruncatedError) || !(await history.isNewer(kind, id))) throw cause;
      throw new ApplicationTooOldError(
        `Events of the ${kind.name} ${id} have left this store, and a newer release of the application has made what stands for them. Nothing was stored. Load the newer release.`,
        { cause, details: { aggregateType: kind.name, aggregateId: id } },
      );
    }
  }

  async #readWhole(history: WholeHistory, id: string, upTo: number): Promise<PastEvents> {
    const editions = upTo === Infinity ? asEditionRecorder(this.#options.recorder) : undefined;
    // Before the events: whatever changes in between is a conflict then.
    const newest = await editions?.selectPast(id, { desc: true, limit: 1 });
    const events = await history.selectEvents(id, upTo === Infinity ? {} : { lte: upTo });
    return { events, first: undefined, last: newest?.last };
  }

  /** @returns `undefined` when the starting point is not of this history */
  async #loadFrom(kind: AggregateKind, start: StartingPoint, upTo: number): Promise<Folded | undefined> {
    const { aggregate } = start;
    const { events, ...past } = await this.#read(aggregate.id, aggregate.version - 1, upTo).catch((error: unknown) => {
      // It is older than what has left.
      if (error instanceof HistoryTruncatedError) return NOTHING;
      throw error;
    });
    const [last, ...rows] = events;
    if (last === undefined || !(await start.isLastEvent(last)) || !this.#isSamePast(start, past.first)) {
      this.#options.cache?.delete(kind, aggregate.id);
      return undefined;
    }
    this.#check(kind, aggregate.id, aggregate.version, last);
    return await this.#fold(kind, aggregate, { ...past, events: rows });
  }

  #isSamePast(start: StartingPoint, past: Past | undefined): boolean {
    if (asEditionRecorder(this.#options.recorder) === undefined) return true;
    return past?.version === start.aggregate.version && start.isSamePast(past);
  }

  async #read(id: string, gt: number | undefined, upTo: number): Promise<PastEvents> {
    const { recorder } = this.#options;
    const options = { ...(gt === undefined ? {} : { gt }), ...(upTo === Infinity ? {} : { lte: upTo }) };
    const editions = asEditionRecorder(recorder);
    if (editions !== undefined) return await editions.selectPast(id, options);
    return { events: await recorder.selectEvents(id, options), first: undefined, last: undefined };
  }

  async #fold(kind: AggregateKind, from: LoadedAggregate, { events, last }: PastEvents): Promise<Folded> {
    const { id } = from;
    events.forEach((row, index) => this.#check(kind, id, from.version + 1 + index, row));
    const current = kind.fold(from.current, await this.#messages(kind, events));
    const aggregate = { id, version: from.version + events.length, current, edition: last?.edition };
    return { aggregate, lastEvent: events.at(-1) };
  }

  async #messages(kind: AggregateKind, rows: readonly StoredEvent[]): Promise<readonly Message[]> {
    try {
      return await readAll(rows, (row) => this.#options.mapper.readMessage(row));
    } catch (error) {
      const version = newerVersionOf(error);
      if (version === undefined) throw error;
      const { topic = '', originatorId = '', originatorVersion = 0 } = (error as MapperDeserialisationError).details;
      throw tooOld(kind, { topic, originatorId, originatorVersion } as StoredEvent, error, version);
    }
  }

  async #keep(kind: AggregateKind, { aggregate, lastEvent }: Folded, upTo: number, clearings: number): Promise<void> {
    const { cache, recorder } = this.#options;
    if (cache === undefined || upTo !== Infinity || lastEvent === undefined) return;
    // What an open transaction has recorded is in no edition yet.
    if (aggregate.edition === undefined && asEditionRecorder(recorder) !== undefined) return;
    await cache.put(kind, aggregate, lastEvent, clearings);
  }

  #check(kind: AggregateKind, id: string, version: number, row: StoredEvent): void {
    if (row.originatorId !== id) {
      throw refusal(`The store gave an event of the aggregate ${row.originatorId} for`, kind, id, row);
    }
    const { registry } = this.#options;
    if (!registry.hasTopic(row.topic) && (version > 1 || registry.ownerOf(row.topic) === kind.name)) {
      // What the first event is of, the others are of.
      throw tooOld(kind, row);
    }
    const { aggregateType } = registry.byTopic(row.topic);
    if (aggregateType !== kind.name) {
      throw refusal(`The event is one of ${aggregateType}, stored with`, kind, id, row);
    }
    if (row.originatorVersion !== version)
      throw refusal(`Version ${version} is missing before the event, of`, kind, id, row);
  }
}

function tooOld(
  kind: AggregateKind,
  row: StoredEvent,
  cause?: unknown,
  version?: NewerVersion,
): ApplicationTooOldError {
  const { topic, originatorId, originatorVersion } = row;
  const what =
    version === undefined ? 'is not known' : `is of version ${version.stored}, and ${version.known} is known,`;
  return new ApplicationTooOldError(
    `An event of the ${kind.name} ${originatorId} ${what} to this release of the application: ${topic}, version ${originatorVersion}. Nothing was stored. Load the newer release.`,
    {
      ...(cause === undefined ? {} : { cause }),
      details: { aggregateType: kind.name, aggregateId: originatorId, topic, originatorVersion, ...version },
    },
  );
}

function isSameEvent(left: StoredEvent, right: StoredEvent): boolean {
  return (
    left.originatorVersion === right.originatorVersion &&
    left.topic === right.topic &&
    left.state.length === right.state.length &&
    left.state.every((byte, index) => byte === right.state[index])
  );
}

/** Reads rows at once, or together when there is something to wait for. */
function readAll(
  rows: readonly StoredEvent[],
  read: (row: StoredEvent) => Message | Promise<Message>,
): readonly Message[] | Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (const [index, row] of rows.entries()) {
    const message = read(row);
    if (message instanceof Promise) {
      const rest = Promise.all([message, ...rows.slice(index + 1).map(async (later) => read(later))]);
      return rest.then((later) => [...messages, ...later]);
    }
    messages.push(message);
  }
  return messages;
}

function refusal(what: string, kind: AggregateKind, id: string, row: StoredEvent): EventHandlerError {
  const { topic, originatorVersion } = row;
  return new EventHandlerError(
    `${what} the ${kind.name} ${id}: ${topic}, version ${originatorVersion}. Nothing was loaded.`,
    {
      details: { aggregateType: kind.name, aggregateId: id, originatorId: row.originatorId, originatorVersion, topic },
    },
  );
}

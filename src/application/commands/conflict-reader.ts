import type { RecordedEvent } from '../../domain/event-metadata.js';
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { EventEnvelopeMapper } from '../events/envelope-mapper.js';
import type { EventRegistry } from '../events/event-registry.js';

/** Enough to decide what to do about a conflict; an error is no replication. */
const CONFLICTING_EVENTS_MAX = 100;

/** Tells what others recorded of an aggregate, of whatever type it is. */
export class ConflictReader {
  readonly #recorder: AggregateRecorder;
  readonly #registry: EventRegistry;
  readonly #mapper: EventEnvelopeMapper;

  constructor(options: {
    readonly recorder: AggregateRecorder;
    readonly registry: EventRegistry;
    readonly mapper: EventEnvelopeMapper;
  }) {
    this.#recorder = options.recorder;
    this.#registry = options.registry;
    this.#mapper = options.mapper;
  }

  /** Events after a version, oldest first; those that this application does not know are left out. */
  async eventsAfter(id: string, version: number): Promise<readonly RecordedEvent[]> {
    const stored = await this.#recorder.selectEvents(id, { gt: version, limit: CONFLICTING_EVENTS_MAX });
    const known = stored.filter(({ topic }) => this.#registry.hasTopic(topic));
    return await Promise.all(known.map((row) => this.#mapper.toDomainEvent(row)));
  }

  /** The version of an aggregate: 0 when it has no events. */
  async versionOf(id: string): Promise<number> {
    const [last] = await this.#recorder.selectEvents(id, { desc: true, limit: 1 });
    return last?.originatorVersion ?? 0;
  }
}

/**
 * States of aggregates to the bytes of a snapshot and back, by way of the events' own transcoder, compressor and cipher.
 *
 * ```text
 * { state_: what the kind makes of it, events_: { Received: 2, … } }   the events that the release knew, and their versions
 * ```
 *
 * So a release that does not know all of them sees that the state may be made of what it cannot read, and leaves it. What
 * was written without `events_` is taken as it is.
 *
 * @module
 */
import { dequal } from 'dequal';
import { DataError } from '../../persistence/errors.js';
import { Mapper } from '../../persistence/mapping/mapper.js';
import type { MapperOptions } from '../../persistence/mapping/mapper.js';
import type { EditionId } from '../../persistence/unit.js';
import type { AggregateKind } from './aggregate-kind.js';

/** An aggregate at a version. */
export interface LoadedAggregate {
  readonly id: string;
  readonly version: number;
  /** See {@link AggregateKind}. */
  readonly current: unknown;
  /** The edition of its last event, where that may change and is known. */
  readonly edition?: EditionId | undefined;
}

/** Encrypts the bytes of a snapshot that has something personal in it. */
export interface SnapshotSealer {
  /**
   * To be called before the state is read: where somebody is forgotten meanwhile, who may be in it, nobody can read the snapshot
   * either.
   */
  begin(): Promise<SnapshotSeal>;
  /** @throws SubjectKeyMissingError (`SUBJECT_KEY_MISSING`) when somebody was forgotten since: the snapshot is of no use */
  unseal(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Encrypts the bytes of one snapshot. */
export type SnapshotSeal = (bytes: Uint8Array) => Promise<Uint8Array>;

/** Encodes and decodes states. */
export class SnapshotCodec {
  readonly #mapper: Mapper;
  readonly #sealer: SnapshotSealer | undefined;

  /** @param sealer - of aggregates whose events are declared to have something personal. @defaultValue nothing is sealed */
  constructor(options: Pick<MapperOptions, 'transcoder' | 'compressor' | 'cipher'>, sealer?: SnapshotSealer) {
    this.#mapper = new Mapper(options);
    this.#sealer = sealer;
  }

  /** As {@link SnapshotSealer.begin}; `undefined` for aggregates with nothing personal. */
  async beginSeal(kind: AggregateKind): Promise<SnapshotSeal | undefined> {
    return hasPersonalEvents(kind) ? await this.#sealer?.begin() : undefined;
  }

  /**
   * @param seal - as {@link SnapshotCodec.beginSeal} gave it before the aggregate was read
   * @throws DataError (`DATA_ERROR`) when the state would come back as something else: a snapshot must not change what
   *   loading gives
   * @throws TranscodingNotRegisteredError (a `TypeError`) when the state has no serialised form
   */
  async encode(
    kind: AggregateKind,
    { id, version, current }: LoadedAggregate,
    seal: SnapshotSeal | undefined,
  ): Promise<Uint8Array> {
    const data: WrittenState = { state_: kind.toSnapshot(current), events_: knownEvents(kind) };
    const position = { originatorId: id, originatorVersion: version };
    const stored = await this.#mapper.toStoredEvent({ ...position, type: kind.name, data });
    const { data: again } = await this.#mapper.readDomainEvent(stored);
    if (dequal(again, data)) return (await seal?.(stored.state)) ?? stored.state;
    throw new DataError(
      `The state of ${kind.name} is not the same when it is read back, so it cannot be a snapshot. Use values for which the transcoder has a form, such as DateTime for Date.`,
      { details: { aggregateType: kind.name, originatorId: id, originatorVersion: version } },
    );
  }

  /**
   * @returns undefined where a release that knows of more events than this one has made it
   * @throws MapperDeserialisationError (`MAPPER_DESERIALISATION_ERROR`) when the bytes cannot be read
   */
  async decode(
    kind: AggregateKind,
    id: string,
    version: number,
    state: Uint8Array,
  ): Promise<LoadedAggregate | undefined> {
    const position = { originatorId: id, originatorVersion: version };
    const sealer = hasPersonalEvents(kind) ? this.#sealer : undefined;
    const unsealed = (await sealer?.unseal(state)) ?? state;
    const { data } = await this.#mapper.readDomainEvent({ ...position, topic: kind.name, state: unsealed });
    if (!isWritten(data)) return { id, version, current: kind.fromSnapshot(id, version, data) };
    if (!knowsAll(kind, data.events_)) return undefined;
    return { id, version, current: kind.fromSnapshot(id, version, data.state_) };
  }
}

interface WrittenState {
  readonly state_: unknown;
  /** By their types, the versions of their data. */
  readonly events_: Readonly<Record<string, number>>;
}

function isWritten(data: unknown): data is WrittenState {
  return typeof data === 'object' && data !== null && 'state_' in data && 'events_' in data;
}

function knownEvents({ events }: AggregateKind): WrittenState['events_'] {
  return Object.fromEntries(Object.entries(events).map(([type, { versions }]) => [type, versions?.version ?? 1]));
}

function knowsAll(kind: AggregateKind, events: WrittenState['events_']): boolean {
  const known = knownEvents(kind);
  return Object.entries(events).every(
    ([type, version]) => Object.hasOwn(known, type) && (known[type] as number) >= version,
  );
}

/** Whether events of such aggregates have something that somebody may want to have forgotten. */
export function hasPersonalEvents({ events }: AggregateKind): boolean {
  return Object.values(events).some(({ personal }) => personal !== undefined);
}

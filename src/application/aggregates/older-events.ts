/**
 * Events of a store that history has left: confirmed history (`UnitRecorder.truncate`), or what is in archives.
 *
 * @module
 */
import { isArchivable } from '../../persistence/archive.js';
import type { ArchivableRecorder } from '../../persistence/archive.js';
import { DataError, HistoryTruncatedError } from '../../persistence/errors.js';
import { historyDigest } from '../../persistence/history-digest.js';
import type { AggregateRecorder, SelectEventsOptions } from '../../persistence/recorder.js';
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { AggregateBase } from '../../persistence/unit.js';
import type { UnitRecorder } from '../../persistence/unit-recorder.js';
import type { AggregateKind } from './aggregate-kind.js';
import type { SnapshotCodec } from './snapshot-codec.js';
import type { FoundSnapshot } from './snapshots.js';

/** Gives all events of an aggregate up to a version, from its first one on: from the server, most likely. */
export type OlderEvents = (originatorId: OriginatorId, upTo: number) => Promise<readonly StoredEvent[]>;

type Reads = Pick<AggregateRecorder, 'selectEvents'>;

/** The whole history of aggregates, wherever it is. */
export class WholeHistory implements Reads {
  readonly #recorder: AggregateRecorder;
  readonly #bases: Pick<UnitRecorder, 'selectBase'> | undefined;
  readonly #archives: ArchivableRecorder | undefined;
  readonly #older: OlderEvents | undefined;
  readonly #codec: SnapshotCodec;

  /**
   * @param recorder - what is here, or a view of that
   * @param store - where history may have left
   */
  constructor(
    recorder: AggregateRecorder,
    store: AggregateRecorder,
    { older, codec }: { readonly older: OlderEvents | undefined; readonly codec: SnapshotCodec },
  ) {
    this.#recorder = recorder;
    this.#codec = codec;
    this.#bases = store.supports?.units === true ? (store as AggregateRecorder & UnitRecorder) : undefined;
    this.#archives = isArchivable(store) ? store : undefined;
    this.#older = older;
  }

  /** What stands for events that have left; `undefined` where none has. */
  async base(originatorId: OriginatorId): Promise<AggregateBase | undefined> {
    return await this.#bases?.selectBase(originatorId);
  }

  /** The aggregate that stands for them, where it is of the state's present shape, not above a version, and not of a newer release. */
  async find(kind: AggregateKind, id: string, upTo: number): Promise<FoundSnapshot | undefined> {
    const snapshot = (await this.base(id))?.snapshot;
    if (snapshot === undefined || snapshot.originatorVersion > upTo) return undefined;
    if (snapshot.aggregateType !== kind.name || snapshot.stateVersion !== kind.stateVersion) return undefined;
    const { originatorVersion, state, eventId } = snapshot;
    const aggregate = await this.#codec.decode(kind, id, originatorVersion, state);
    return aggregate && { aggregate, eventId };
  }

  /** Whether a newer release has made what stands for events that have left. */
  async isNewer(kind: AggregateKind, id: string): Promise<boolean> {
    const snapshot = (await this.base(id))?.snapshot;
    if (snapshot?.aggregateType !== kind.name) return false;
    if (snapshot.stateVersion !== kind.stateVersion) return snapshot.stateVersion > kind.stateVersion;
    return (await this.#codec.decode(kind, id, snapshot.originatorVersion, snapshot.state)) === undefined;
  }

  /**
   * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when some of it has left, and nobody can be asked for it
   * @throws DataError (`DATA_ERROR`) when what was given is not what has left
   */
  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    try {
      return await this.#recorder.selectEvents(originatorId, options);
    } catch (error) {
      if (!(error instanceof HistoryTruncatedError) || this.#older === undefined) throw error;
      const base = (await this.base(originatorId)) ?? (await this.#archives?.selectArchived(originatorId));
      // It has come back meanwhile.
      if (base === undefined) return await this.#recorder.selectEvents(originatorId, options);
      const older = await this.#older(originatorId, base.version);
      if (historyDigest(older) !== base.digest) throw otherHistory(originatorId, base);
      return await this.#joined(originatorId, options, base.version, older);
    }
  }

  async #joined(
    originatorId: OriginatorId,
    { gt = -Infinity, lte = Infinity, desc = false, limit = Infinity }: SelectEventsOptions,
    version: number,
    older: readonly StoredEvent[],
  ): Promise<readonly StoredEvent[]> {
    const bounds = { gt: Math.max(gt, version), ...(lte === Infinity ? {} : { lte }) };
    const rest = lte <= version ? [] : await this.#recorder.selectEvents(originatorId, bounds);
    const events = [...older, ...rest].filter(({ originatorVersion: at }) => at > gt && at <= lte);
    return (desc ? events.reverse() : events).slice(0, limit);
  }
}

function otherHistory(originatorId: OriginatorId, { version }: Pick<AggregateBase, 'version'>): DataError {
  return new DataError(
    `The events of ${originatorId} that were given for those up to version ${version} are others than those that have left this store. Nothing is made of them: look whether it is the same server.`,
    { details: { originatorId, version } },
  );
}

/**
 * Recorders that keep everything in memory: for tests, and for code that must run anywhere.
 *
 * @module
 */
import {
  SerialAggregateRecorder,
  SerialApplicationRecorder,
  SerialProcessRecorder,
} from '../serial/serial-recorder.js';
import type { CallOptions } from '../heed-signal.js';
import type { RecorderSupport } from '../recorder.js';
import type { RecorderTransaction } from '../recorder-transaction.js';
import type { SerialTransactionConnection } from '../serial/serial-recorder.js';
import { HeedingSession } from '../serial/heeding-session.js';
import type { SerialSession } from '../serial/serial-session.js';
import type { UnitOfWork } from '../serial/unit-of-work.js';
import { withEnds } from '../transaction-ends.js';
import { noting } from '../serial/noted-unit.js';
import { ChangeFeed } from '../store-changes.js';
import type { ChangeListener, ChangeSource, StoreChanges } from '../store-changes.js';
import type { NotificationId, StoredEvent } from '../stored-event.js';
import { MemoryReplica } from './memory-replica.js';

/** Options of recorders in memory. */
export interface MemoryRecorderOptions {
  /** Asked before each call, and throws what the call rejects with: that what it belongs to was closed. @defaultValue always usable */
  readonly assertUsable?: () => void;
}

/** An aggregate recorder whose events are gone when it is. */
export class MemoryAggregateRecorder extends SerialAggregateRecorder {
  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: MemoryRecorderOptions = {}) {
    const { session, tables } = memoryTables(options);
    super(session, tables);
  }
}

/** An application recorder whose events are gone when it is. */
export class MemoryApplicationRecorder extends SerialApplicationRecorder {
  readonly supports: RecorderSupport = { notifications: true };

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: MemoryRecorderOptions = {}) {
    const { session, tables } = memoryTables(options);
    super(session, tables);
  }
}

/**
 * A process recorder whose events are gone when it is.
 *
 * It has transactions, so that an application runs on it in tests as it does on a database; there is no SQL, so their
 * `connection` is `undefined`.
 *
 * @example
 * ```ts
 * const recorder = new MemoryProcessRecorder();
 * const state = new TextEncoder().encode('{"counted":12}');
 * await recorder.insertEvents([{ originatorId: crypto.randomUUID(), originatorVersion: 1, topic: 'Counted', state }]);
 * ```
 */
export class MemoryProcessRecorder extends SerialProcessRecorder<undefined> implements ChangeSource {
  readonly #changes: ChangeFeed;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: MemoryRecorderOptions = {}) {
    const changes = new ChangeFeed();
    const tables = new NotedReplica(changes);
    const { assertUsable } = options;
    const unit = noting(tables.unit, changes);
    const session = new HeedingSession({ unit, ...(assertUsable === undefined ? {} : { assertUsable }) });
    super(memoryConnection(session, tables.unit), tables);
    this.#changes = changes;
  }

  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    return this.#changes.onChanged(listener, onEnd);
  }

  noteChanged(changes: StoreChanges): void {
    this.#changes.noteChanged(changes);
  }

  /** Tells those who listen that it is closed. @internal */
  endChanges(error: Error): void {
    this.#changes.end(error);
  }

  override async transaction<T>(
    work: (transaction: RecorderTransaction<undefined>) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    return await withEnds(this, (heard) => super.transaction(heard, options), work);
  }
}

/** Says whose events are inserted. */
class NotedReplica extends MemoryReplica {
  readonly #changes: ChangeFeed;

  constructor(changes: ChangeFeed) {
    super();
    this.#changes = changes;
  }

  override insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    if (events.length > 0) {
      this.#changes.note({ tables: [], aggregates: events.map(({ originatorId }) => originatorId) });
    }
    return super.insertEvents(events);
  }
}

function memoryTables({ assertUsable }: MemoryRecorderOptions): {
  readonly session: SerialSession;
  readonly tables: MemoryReplica;
} {
  const tables = new MemoryReplica();
  const session = new HeedingSession({ unit: tables.unit, ...(assertUsable === undefined ? {} : { assertUsable }) });
  return { session, tables };
}

function memoryConnection(session: SerialSession, unit: UnitOfWork): SerialTransactionConnection<undefined> {
  return {
    connection: undefined,
    session,
    supports: { notifications: true, tracking: true, transactions: true },
    nest: () => memoryConnection(new HeedingSession({ unit, outer: session }), unit),
  };
}

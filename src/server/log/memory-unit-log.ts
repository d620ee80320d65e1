/**
 * A log of units in memory: for tests and demonstrations, and what the logs in tables are compared with.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import { MemoryLogStorage } from './memory-log-storage.js';
import type { MemoryLogBackup } from './memory-log-storage.js';
import { StoredUnitLog } from './stored-unit-log.js';
import type { UnitLogOptions } from './stored-unit-log.js';

export type { MemoryLogBackup } from './memory-log-storage.js';

/**
 * A log of units in memory.
 *
 * @example
 * ```ts
 * const log = new MemoryUnitLog();
 * const { decisions } = await log.push(units, { subject: 'ann', replicaId });
 * const page = await log.page(CURSOR_START, { eventsMax: 500, bytesMax: 1_000_000 });
 * ```
 */
export class MemoryUnitLog extends StoredUnitLog {
  readonly #storage: MemoryLogStorage;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key of the seals is none */
  constructor(options: UnitLogOptions = {}, storage: MemoryLogStorage = new MemoryLogStorage()) {
    super(storage, options);
    this.#storage = storage;
  }

  /** The same log, with other options. */
  reopened(options: UnitLogOptions): MemoryUnitLog {
    return new MemoryUnitLog(options, this.#storage);
  }

  /**
   * Inserts events beside the log, as a program does that writes to the same table.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken
   */
  insertBeside(events: readonly StoredEvent[]): void {
    this.#storage.insert(events);
  }

  /** Remembers how it is. @returns sets it back to that, as the restoration of a backup does; can be called again */
  backup(): MemoryLogBackup {
    return this.#storage.backup();
  }
}

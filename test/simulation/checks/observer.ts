/**
 * Looks at a store again and again: a tab that nobody uses, and that takes no time, follows its journal.
 *
 * @module
 */
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteOwnTables } from '../../../src/persistence/sqlite/own-tables/sqlite-own-tables.js';
import type { SqlJsImageDatabase } from '../../../src/persistence/sqlite/sqljs-database.js';
import { systemClock } from '../../../src/util/clock.js';
import type { SharedJournal } from '../../support/shared-journal.js';
import type { SimStorage } from '../machine/sim-storage.js';

/** Follows the journal of one storage, whatever becomes of that. */
export class Observer implements Disposable {
  readonly #storage: SimStorage;
  #journal: SharedJournal | undefined;
  #database: SqlJsImageDatabase | undefined;
  #recorder: DurableRecorder | undefined;

  constructor(storage: SimStorage) {
    this.#storage = storage;
  }

  /** The store as its journal is now. */
  async current(): Promise<DurableRecorder> {
    const { journal } = this.#storage;
    // Another one since it was set back: what was read of the one before is not so any more.
    if (this.#recorder === undefined || this.#journal !== journal) {
      this[Symbol.dispose]();
      this.#journal = journal;
      const database = (this.#database = await openSqlJs());
      const images = new ImagedReplica(database, systemClock);
      this.#recorder = await DurableRecorder.open({
        ...{ replica: images.create(), images, journal: journal.connect() },
        ownTables: new SqliteOwnTables({ database, clock: systemClock }),
      });
    }
    this.#recorder.noteHead(journal.records.length);
    return this.#recorder;
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = undefined;
    this.#recorder = undefined;
  }
}

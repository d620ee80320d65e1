import type { ReplicaImages } from '../persistence/journal/durable-recorder.js';
import { LazyReplica } from '../persistence/journal/lazy-replica.js';
import { ChangeReplay } from '../persistence/sqlite/own-tables/change-replay.js';
import { SqliteReplica } from '../persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../persistence/sqlite/sqlite-units.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-database.js';
import type { Clock } from '../util/clock.js';

/** The replica of a worker's store, and its images: SQLite files. */
export class ImagedReplica implements ReplicaImages {
  readonly #database: SqlJsImageDatabase;
  readonly #clock: Clock;
  #replica: LazyReplica | undefined;

  /** @param database - lent */
  constructor(database: SqlJsImageDatabase, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Makes the replica of what is in the database; tables that are missing are created. */
  create(): LazyReplica {
    const [changes, units] = [new ChangeReplay(this.#database), new SqliteUnits(this.#database)];
    const tables = new SqliteReplica(this.#database, {}, { changes, units });
    tables.createTables();
    // A new one each time: what the one before remembers is not so any more.
    this.#replica = new LazyReplica(tables, { clock: this.#clock });
    return this.#replica;
  }

  save(): Uint8Array {
    this.#replica?.flush();
    return this.#database.serialize();
  }

  load(image: Uint8Array): LazyReplica {
    // What still waits must not reach the new database, where it is already.
    this.#replica?.flush();
    this.#database.restore(image);
    return this.create();
  }
}

import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import type { DurableRecorderOptions } from '../../src/persistence/journal/durable-recorder.js';
import { SqliteOwnTables } from '../../src/persistence/sqlite/own-tables/sqlite-own-tables.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlJsImageDatabase } from '../../src/persistence/sqlite/sqljs-database.js';
import { systemClock } from '../../src/util/clock.js';
import type { Clock } from '../../src/util/clock.js';
import { ImagedReplica } from '../../src/host/imaged-replica.js';
import type { SharedJournal } from './shared-journal.js';

/** One more tab on a shared journal, as a worker wires it, with its database at hand. */
export interface OwnTablesTab {
  readonly recorder: DurableRecorder;
  readonly database: SqlJsImageDatabase;
  readonly images: ImagedReplica;
}

/** Opens a tab. */
export async function openTab(
  journal: SharedJournal,
  clock: Clock = systemClock,
  options: Pick<DurableRecorderOptions, 'askForWay' | 'onApplied' | 'pendingUnitsMax'> = {},
): Promise<OwnTablesTab> {
  const database = await openSqlJs();
  const images = new ImagedReplica(database, systemClock);
  const replica = images.create();
  const recorder = await DurableRecorder.open({
    replica,
    images,
    ownTables: new SqliteOwnTables({ database, clock }),
    journal: journal.connect(),
    clock,
    ...options,
  });
  return { recorder, database, images };
}

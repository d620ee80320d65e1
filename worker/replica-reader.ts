import { DurableRecorder } from '../src/persistence/indexeddb/durable-recorder.js';
import type { Journal } from '../src/persistence/indexeddb/journal.js';
import type { OnOpenProgress } from '../src/persistence/indexeddb/open-progress.js';
import type { SqlJsImageDatabase } from '../src/persistence/sqlite/sqljs-driver.js';
import { systemClock } from '../src/util/clock.js';
import { ImagedReplica } from './imaged-replica.js';

/**
 * Opens a store to read it once: it hears of no other tab, and writes no checkpoint.
 *
 * @param journal - closed with the recorder
 */
export function openReader(
  database: SqlJsImageDatabase,
  journal: Journal,
  onProgress?: OnOpenProgress,
): Promise<DurableRecorder> {
  const images = new ImagedReplica(database, systemClock);
  return DurableRecorder.open({
    ...{ replica: images.create(), images, journal },
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

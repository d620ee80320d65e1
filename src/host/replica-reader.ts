import { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import type { Journal } from '../persistence/journal/journal.js';
import type { OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-database.js';
import { systemClock } from '../util/clock.js';
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

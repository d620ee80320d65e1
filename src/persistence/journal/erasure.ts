/**
 * Has what was deleted leave the storage, now: of itself it does when two checkpoints more were written.
 *
 * ```text
 * record of nothing at N ─▶ checkpoint ─▶ record of nothing ─▶ checkpoint ─▶ compact
 * ```
 *
 * Nothing here deletes anything in another way than ever: the older checkpoint that is kept then holds N, and the records up to
 * it leave. The records of nothing are there so that the last one, which never leaves, says nothing; and so that there is
 * something for either checkpoint to be of.
 *
 * @module
 */
import { OperationalError } from '../errors.js';
import type { DurableRecorder } from './durable-recorder.js';
import type { CheckpointStorage } from './journal.js';

// Another tab may publish at the same moment, where there are no locks. Each round means that one of them did.
const ROUNDS_MAX = 8;
const COMPACT_RECORDS_MAX = 500;

/**
 * @param storage - the recorder's
 * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails, or others write checkpoints all the
 *   time; the store is as it was
 */
export async function eraseDeleted(
  recorder: Pick<DurableRecorder, 'appendNothing' | 'checkpoint' | 'compact'>,
  storage: Pick<CheckpointStorage, 'readManifests'>,
): Promise<void> {
  const from = await recorder.appendNothing();
  for (let round = 0; ; round++) {
    await recorder.checkpoint();
    const kept = await storage.readManifests();
    if (kept.length > 1 && kept.every(({ position }) => position >= from)) break;
    if (round === ROUNDS_MAX) {
      throw new OperationalError('Other tabs write checkpoints all the time, of what was before. Try again.');
    }
    await recorder.appendNothing();
  }
  while ((await recorder.compact(COMPACT_RECORDS_MAX)) === COMPACT_RECORDS_MAX);
}

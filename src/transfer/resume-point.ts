/**
 * Where a file that was broken off goes on.
 *
 * @module
 */
import { chunksOf } from '../util/byte-chunks.js';
import { readEventsFile } from './events-file-reader.js';
import type { Checkpoint } from './events-file.js';
import type { EventsFileSource } from './import-events.js';
import { EventsFileError } from './transfer-errors.js';

/** How far a file is sound. */
export interface ResumePoint {
  /** Whether all of it is, to its end. */
  readonly isComplete: boolean;
  /** Of a file that is not complete: bytes to keep; what is behind them is to be cut off. */
  readonly keepBytes: number;
  /** For `resume` of {@link exportEvents}. Absent when nothing of the file is to be kept: then it is written anew. */
  readonly checkpoint?: Checkpoint;
}

/**
 * Reads a file that an export did not finish, and says where it goes on: behind its last full group that is sound.
 *
 * @throws EventsFileError (`EVENTS_FILE`) with `details.reason` `'header'`, when it is another file
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer release wrote it
 *
 * @example
 * ```ts
 * const { keepBytes, checkpoint } = await findResumePoint(begun);
 * const rest = await new Response(exportEvents(recorder, { resume: checkpoint })).blob();
 * const whole = new Blob([begun.slice(0, keepBytes), rest]);
 * ```
 */
export async function findResumePoint(source: EventsFileSource): Promise<ResumePoint> {
  let point: ResumePoint = { isComplete: false, keepBytes: 0 };
  try {
    for await (const part of readEventsFile(chunksOf(source))) {
      if (part.kind === 'group' && part.isFull) {
        point = { isComplete: false, keepBytes: part.endBytes, checkpoint: part.checkpoint };
      }
      if (part.kind === 'end') point = { isComplete: true, keepBytes: point.keepBytes, checkpoint: part.checkpoint };
    }
  } catch (error) {
    const isEmpty = error instanceof EventsFileError && error.details['line'] === 0;
    if (!(error instanceof EventsFileError) || (error.details['reason'] === 'header' && !isEmpty)) throw error;
    return { ...point, isComplete: false };
  }
  return point;
}

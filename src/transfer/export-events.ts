/**
 * Events out of a store, as a file.
 *
 * @module
 */
import { DataError, ProgrammingError } from '../persistence/errors.js';
import type { ApplicationRecorder } from '../persistence/recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { streamOf } from '../util/byte-chunks.js';
import { callListener } from '../util/listeners.js';
import { describeStore, exportedEvents } from './exported-events.js';
import { assertNothingBeside } from './event-columns.js';
import { EventsFileWriter, LINE_BYTES_MAX, startOf } from './events-file.js';
import type { Checkpoint, FileEvent } from './events-file.js';
import { throwIfAborted } from '../persistence/heed-signal.js';
import { validateWord, validateFunctions } from '../persistence/validation.js';

// A state of a third of a line fits in whatever way it is written; what is longer is not read again.
const STATE_BYTES_MAX = Math.floor(LINE_BYTES_MAX / 6);

/**
 * How far a file is written or read: `events` of it that are through (of an import, that are stored, or were there before), the
 * `position` of the last of its group where they come from, and the `hash` of the file up to there.
 */
export interface EventsTransferProgress extends Checkpoint {
  /** Where an export ends. Of an import, which cannot know it, absent. */
  readonly last?: NotificationId | undefined;
}

/** Options of {@link exportEvents}. */
export interface ExportEventsOptions {
  /** Only events behind this position: for a file of what is new since another one. @defaultValue 0: all */
  readonly after?: NotificationId;
  /** Only events up to this position. @defaultValue those that there are when it begins */
  readonly upTo?: NotificationId;
  /**
   * Goes on with a file that was broken off: {@link findResumePoint}. What comes belongs behind the bytes that it names, and begins
   * without a header. `after` is left out then.
   */
  readonly resume?: Checkpoint;
  /**
   * What becomes of the columns `event_id` and `metadata`, which tables in the layout of the Python library's release 10 have.
   * A file has no place for them. `'refuse'`: an export of events that have something there fails. `'leave'`: it stays behind; for
   * tables whose columns are written from the states (`eventColumns`), and will be again.
   *
   * @defaultValue `'refuse'`
   */
  readonly columns?: 'refuse' | 'leave';
  /** Ends the file without an end: with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each group of up to 500 events. */
  readonly onProgress?: ((progress: EventsTransferProgress) => void) | undefined;
}

/**
 * The events of a store as a file of lines of JSON, from any engine: in the order of their positions, with a checkpoint after at
 * most 500 of them. A page is read when the one before is taken; events that are recorded meanwhile are not in it. States are as
 * they are stored: what a cipher encrypted stays encrypted.
 *
 * @param recorder - of any engine: memory, SQLite, PostgreSQL, a browser's store
 * @returns bytes, which end with the number and a hash of all events. The same events have the same hash, whatever the engine
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) by the stream, when an option is none
 * @throws NotSupportedError (`NOT_SUPPORTED`) by the stream, when events have something in columns of their own (`columns`)
 * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) by the stream, when some of the events have left the store
 * @throws OperationalError (`OPERATIONAL_ERROR`) by the stream, when reading fails, or a store follows a server's log meanwhile
 *
 * @example
 * ```ts
 * const file = await new Response(exportEvents(recorder)).blob();
 * ```
 */
export function exportEvents(
  recorder: ApplicationRecorder,
  options: ExportEventsOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return streamOf(linesOf(recorder, options));
}

async function* linesOf(
  recorder: ApplicationRecorder,
  { after = 0, upTo, resume, columns = 'refuse', signal, onProgress }: ExportEventsOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  checkOptions({ after, upTo, resume });
  validateWord('columns', columns, ['refuse', 'leave']);
  validateFunctions({ onProgress });
  throwIfAborted(signal);
  if (columns === 'refuse') await assertNothingBeside(recorder);
  const last = Math.min(upTo ?? Infinity, await recorder.maxNotificationId());
  const writer = new EventsFileWriter(resume ?? startOf(after));
  const { position } = writer.checkpoint;
  if (resume === undefined) writer.begin(await describeStore(recorder, after));
  for await (const page of exportedEvents(recorder, { after: position, upTo: last, signal })) {
    for (const event of page) {
      if (!writer.event(checked(event))) continue;
      yield await writer.group();
      const { checkpoint } = writer;
      callListener(() => onProgress?.({ ...checkpoint, last }));
    }
  }
  const rest = await writer.group();
  if (rest.length > 0) yield rest;
  yield writer.end();
  const { checkpoint } = writer;
  callListener(() => onProgress?.({ ...checkpoint, last }));
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such range */
export function checkOptions({
  after,
  upTo,
  resume,
}: {
  readonly after: NotificationId;
  readonly upTo: NotificationId | undefined;
  readonly resume: Checkpoint | undefined;
}): void {
  for (const [name, value] of Object.entries({ after, upTo, resume: resume?.position })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new ProgrammingError(`${name} must be a position, a whole number from 0 up, but is ${value}.`);
    }
  }
  if (resume !== undefined && after !== 0) throw new ProgrammingError('after and resume both say where to begin.');
}

function checked(event: FileEvent): FileEvent {
  const { state, originatorId, originatorVersion } = event;
  if (state.length <= STATE_BYTES_MAX) return event;
  throw new DataError(
    `The state of version ${originatorVersion} of ${originatorId} is too large for a line of a file.`,
    {
      details: { originatorId, originatorVersion, bytes: state.length, bytesMax: STATE_BYTES_MAX },
    },
  );
}

/**
 * Events of a file into a store.
 *
 * @module
 */
import { EventSourcingError, isEventSourcingError } from '../domain/errors.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { chunksOf } from '../util/byte-chunks.js';
import type { ByteOpener, ByteStream } from '../util/byte-chunks.js';
import { callListener } from '../util/listeners.js';
import { readEventsFile } from './events-file-reader.js';
import { startOf } from './events-file.js';
import type { Checkpoint, FileEvent } from './events-file.js';
import type { EventsTransferProgress } from './export-events.js';
import { ImportTarget } from './import-target.js';
import { EventsFileError, EventsImportError, ForeignEventError } from './transfer-errors.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

/** What a file of events is read from: once, from its beginning to its end. */
export type EventsFileSource = ByteOpener | ByteStream;

/** Options of {@link importEvents}. */
export interface ImportEventsOptions {
  /** Stops it between two groups: before anything is stored with its reason, and else as other failures. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each group of up to 500 events. */
  readonly onProgress?: ((progress: EventsTransferProgress) => void) | undefined;
}

/** What an import did. */
export interface ImportedEvents extends Checkpoint {
  /** Events of the file that were not in the store. */
  readonly stored: number;
  /**
   * Those of them that are at another position than in the file. None of a whole file in an empty table of SQLite or PostgreSQL.
   * Where there are some, who follows the log by positions from elsewhere has to begin anew.
   */
  readonly moved: number;
}

/**
 * Takes in what {@link exportEvents} made, on whichever engine, in the order of the file. Each group of up to 500 events is checked
 * against its checkpoint, compared with what is there, recorded in one transaction, and read back. So it may be broken off
 * anywhere, and be called again with the same file, or with what has become of it since: what is there is passed over. It asks
 * for the next bytes when the group before is stored.
 *
 * In a browser's store the events belong to units, and are pending there until it synchronises: those of another device's file
 * to the same units, any other event to one that follows from what it is. So it does not matter who sends them first.
 *
 * @param recorder - of any engine; its events may be others' as well
 * @param source - a `Blob` or a file, a stream, or what opens one
 * @throws EventsFileError (`EVENTS_FILE`) when the file is damaged, cut off, or none; what is before its last sound checkpoint is
 *   stored
 * @throws ForeignEventError (`FOREIGN_EVENT`) when another event has the place of one in the file
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer release wrote the file; when the store follows a server's log, or the
 *   file has the events of such a log and the store is a device's; when the file has a device's events and the store is a
 *   server's, to which the device sends them. Nothing was stored
 * @throws EventsImportError (`EVENTS_IMPORT`) when reading or storing failed: import the file again to go on
 *
 * @example
 * ```ts
 * const { stored, hash } = await importEvents(recorder, file);
 * ```
 */
export async function importEvents(
  recorder: ProcessRecorder,
  source: EventsFileSource,
  options: ImportEventsOptions = {},
): Promise<ImportedEvents> {
  const importing = new Importing(recorder, options);
  try {
    return await importing.run(source);
  } catch (cause) {
    throw importing.failure(cause);
  }
}

class Importing {
  readonly #recorder: ProcessRecorder;
  readonly #options: ImportEventsOptions;
  #done = 0;
  #stored = 0;
  #moved = 0;
  /** The last unit of a group, which may go on in the next one. */
  #held: readonly FileEvent[] = [];

  constructor(recorder: ProcessRecorder, options: ImportEventsOptions) {
    if (recorder.supports?.tracking !== true) {
      throw new ProgrammingError('Events are imported into a process recorder: those of one table are not enough.');
    }
    this.#recorder = recorder;
    this.#options = options;
  }

  async run(source: EventsFileSource): Promise<ImportedEvents> {
    let target: ImportTarget | undefined;
    let checkpoint = startOf(0);
    for await (const part of readEventsFile(chunksOf(source))) {
      throwIfAborted(this.#options.signal);
      if (part.kind === 'header') target = await ImportTarget.open(this.#recorder, part.header);
      else if (part.kind === 'group') await this.#group(target as ImportTarget, part.events, part.checkpoint);
      else {
        ({ checkpoint } = part);
        await this.#take(target as ImportTarget, this.#held);
      }
    }
    return { ...checkpoint, stored: this.#stored, moved: this.#moved };
  }

  async #group(target: ImportTarget, events: readonly FileEvent[], checkpoint: Checkpoint): Promise<void> {
    const all = [...this.#held, ...events];
    const lastUnit = target.hasUnits ? all.at(-1)?.unit?.id : undefined;
    const end = lastUnit === undefined ? all.length : all.findIndex(({ unit }) => unit?.id === lastUnit);
    this.#held = all.slice(end);
    await this.#take(target, all.slice(0, end));
    callListener(() => this.#options.onProgress?.({ ...checkpoint, events: this.#done }));
  }

  async #take(target: ImportTarget, events: readonly FileEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { stored, moved } = await target.take(events);
    this.#done += events.length;
    this.#stored += stored;
    this.#moved += moved;
  }

  /** What is said of it when something went wrong. */
  failure(cause: unknown): unknown {
    const events = this.#done;
    if (cause instanceof EventsFileError || cause instanceof ForeignEventError) {
      const ErrorClass = cause instanceof EventsFileError ? EventsFileError : ForeignEventError;
      return new ErrorClass(cause.message, { cause: cause.cause, details: { ...cause.details, events } });
    }
    if (events === 0 && (isEventSourcingError(cause) || this.#options.signal?.aborted === true)) return cause;
    return new EventsImportError(
      `The import ended before its end: the first ${events} events of the file are stored. Import the file again to go on.`,
      { cause, details: { events, ...(cause instanceof EventSourcingError ? { causeCode: cause.code } : {}) } },
    );
  }
}

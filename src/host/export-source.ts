/**
 * The exports of a store that is open elsewhere: files whose parts are made when they are asked for.
 *
 * @module
 */
import { transfer } from 'comlink';
import { storeHeld } from './protocol/client-errors.js';
import type { HostExportOptions } from './protocol/backup-host.js';
import type { CancellableByteSource } from './protocol/byte-source.js';
import { checkpointLockName, openLockName } from '../origin/origin-names.js';
import { holdLock } from '../origin/web-locks.js';
import { OperationalError } from '../persistence/errors.js';
import type { Journal } from '../persistence/journal/journal.js';
import type { OnOpenProgress, OpenProgress } from '../persistence/journal/open-progress.js';
import { exportStore } from '../persistence/journal/store-file/store-export.js';
import type { SqlJsImageDatabase } from '../persistence/sqlite/sqljs-database.js';
import type { Clock } from '../util/clock.js';
import { ProgressLine } from './progress-line.js';
import { openReader } from './replica-reader.js';
import { randomUuid } from '../util/random-uuid.js';

// No checkpoint is written while an export is read. Whoever stopped reading without a word must not keep it so.
const IDLE_MS_MAX = 5 * 60_000;
// Parts of a SQLite file: as large as the blocks of the other format.
const PART_BYTES = 1024 * 1024;

/** What an export is made of. */
export interface ExportSourceOptions extends HostExportOptions {
  /** Closed when the export ends. */
  readonly journal: Journal;
  /** Makes an empty database, for a replica. */
  readonly openReplica: () => Promise<SqlJsImageDatabase>;
  readonly clock: Clock;
  readonly onProgress: OnOpenProgress | undefined;
}

/** Gives one export, part by part. */
export class ExportSource implements CancellableByteSource {
  readonly #parts: AsyncGenerator<Uint8Array<ArrayBuffer>, void>;
  readonly #clock: Clock;
  readonly #progress: ProgressLine<OpenProgress>;
  #callOff: () => void = () => undefined;
  #wasIdle = false;

  constructor(options: ExportSourceOptions) {
    this.#progress = new ProgressLine(options.onProgress);
    const told = { ...options, onProgress: this.#progress.tell };
    this.#parts = parts(told);
    this.#clock = options.clock;
  }

  async next(): Promise<Uint8Array | undefined> {
    this.#callOff();
    if (this.#wasIdle) {
      throw new OperationalError(
        `The export was not read for ${IDLE_MS_MAX / 60_000} minutes, and given up. Export again.`,
      );
    }
    const { value } = await this.#parts.next();
    if (value === undefined) {
      await this.#progress.heard();
      return undefined;
    }
    this.#callOff = this.#clock.schedule(() => {
      this.#wasIdle = true;
      void this.cancel();
    }, IDLE_MS_MAX);
    return transfer(value, [value.buffer]);
  }

  async cancel(): Promise<void> {
    this.#callOff();
    await this.#parts.return(undefined);
  }
}

async function* parts(options: ExportSourceOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { name, format, journal } = options;
  // Whoever deletes the store waits for it, as for everyone else who has it open.
  const release = await holdLock(openLockName(name), 'shared', () => storeHeld(name, 'deleted'));
  try {
    yield* format === 'sqlite' ? sqliteFile(options) : storeFile(options);
  } finally {
    journal.close();
    release?.();
  }
}

async function* storeFile(options: ExportSourceOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { name, identity, journal, clock, onProgress } = options;
  // Shared among exports; who writes a checkpoint wants it for itself, and does not wait.
  const release = await holdLock(checkpointLockName(name), 'shared', () => storeHeld(name, 'written to a checkpoint'));
  try {
    yield* exportStore({
      ...{ name, journal, onProgress, identity },
      exportId: randomUuid(),
      nowMs: clock.nowMs(),
    });
  } finally {
    release?.();
  }
}

async function* sqliteFile({
  openReplica,
  journal,
  onProgress,
}: ExportSourceOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const recorder = await openReader(await openReplica(), journal);
  const image = await recorder.image();
  for (let at = 0; at < image.length; at += PART_BYTES) {
    yield image.slice(at, at + PART_BYTES);
    onProgress?.({ phase: 'image', doneBytes: Math.min(image.length, at + PART_BYTES), totalBytes: image.length });
  }
}

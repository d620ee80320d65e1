/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A browser's store that somebody has as a file, read in Node.
 *
 * ```text
 * file ─▶ block after block, each verified ─▶ image: a file of SQLite beside · records behind it: applied to that
 *            └─ not as it was written: refused, and what was made is removed        └─▶ read like any store's events
 * ```
 *
 * Nothing is given before the file was read to its end, and was whole. Memory holds a block at a time.
 *
 * @module
 */
import { open, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NotSupportedError } from '../../persistence/errors.js';
import { decodeJournalRecord } from '../../persistence/journal/journal-record.js';
import { readStoreFile } from '../../persistence/journal/store-file/store-file-reader.js';
import type { StoreFile, StoreFileBlock } from '../../persistence/journal/store-file/store-file-reader.js';
import type { ApplicationRecorder, RecorderSupport, SelectEventsOptions } from '../../persistence/recorder.js';
import type { SelectNotificationsOptions } from '../../persistence/recorder.js';
import { openNodeSqlite } from '../../persistence/sqlite/node-sqlite-driver.js';
import { ChangeReplay } from '../../persistence/sqlite/own-tables/change-replay.js';
import type { OpenedSqliteDatabase } from '../../persistence/sqlite/sqlite-driver.js';
import { SqliteReplica } from '../../persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../../persistence/sqlite/sqlite-units.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import type { PendingUnit, UnitId } from '../../persistence/unit.js';
import type { SyncProgress, UnitLimits, UnitRecorder, UnitStanding } from '../../persistence/unit-recorder.js';
import { chunksOf } from '../../util/byte-chunks.js';
import type { ByteOpener, ByteStream } from '../../util/byte-chunks.js';
import { callListener } from '../../util/listeners.js';

/** Options of {@link openStoreFile}. */
export interface OpenStoreFileOptions {
  /** Where what is read is laid down until it is closed. @defaultValue the system's folder for temporary files */
  readonly folder?: string | undefined;
  /** Ends the reading, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each block, of which most have up to 1 MiB. */
  readonly onProgress?: ((progress: StoreFileProgress) => void) | undefined;
}

/** How far a file was read. */
export interface StoreFileProgress {
  readonly doneBytes: number;
}

/** What a file says of the store that it was made of. */
export interface StoreFileOrigin {
  readonly name: string;
  /** By the clock of the device. */
  readonly exportedAt: Date;
  /** Of the device: a UUID. */
  readonly replicaId: string;
}

/**
 * The events of a store's file: what `exportEvents` and `hashEvents` read, with the ids of their units, as from the store itself.
 * Nothing can be recorded.
 */
export interface StoreFileRecorder extends ApplicationRecorder, AsyncDisposable {
  readonly origin: StoreFileOrigin;
  /** Removes what was laid down. Safe to call again. */
  close(): Promise<void>;
}

/**
 * Opens a store's file, as `daybook.storage.export()` makes it.
 *
 * @param source - what opens the file, or a stream of it: `createReadStream('stock.daybook')`
 * @throws ForeignFileError (`FOREIGN_FILE`) when it is not such a file
 * @throws DamagedFileError (`DAMAGED_FILE`) when it is not as it was written; `details.reason` is `'truncated'` or `'changed'`, and
 *   `details.offsetBytes` says from where on
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote it, or Node is below 22.16
 *
 * @example
 * ```ts
 * await using backup = await openStoreFile(createReadStream('stock.daybook'));
 * const { stored } = await importEvents(recorder, exportEvents(backup));
 * ```
 */
export async function openStoreFile(
  source: ByteOpener | ByteStream,
  { folder = tmpdir(), signal, onProgress }: OpenStoreFileOptions = {},
): Promise<StoreFileRecorder> {
  let doneBytes = 0;
  const chunks = chunksOf(source);
  try {
    const file = await readStoreFile(async () => {
      signal?.throwIfAborted();
      const { done, value } = await chunks.next();
      if (done === true) return undefined;
      doneBytes += value.length;
      return value;
    });
    // Only for what is a store's file.
    const path = await mkdtemp(join(folder, 'daybook-store-'));
    const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
    try {
      return await laidDown(file, join(path, 'store.sqlite'), {
        remove,
        onBlock: () => callListener(() => onProgress?.({ doneBytes })),
      });
    } catch (error) {
      await remove();
      throw error;
    }
  } finally {
    await chunks.return();
  }
}

interface LaidDown {
  readonly remove: () => Promise<void>;
  readonly onBlock: () => void;
}

async function laidDown({ header, blocks }: StoreFile, path: string, { remove, onBlock }: LaidDown) {
  const rest = blocks[Symbol.asyncIterator]();
  let next = await imageInto(path, rest, onBlock);
  const database = await openNodeSqlite({ path });
  try {
    // What is torn is made anew.
    database.exec('PRAGMA synchronous = OFF');
    const units = new SqliteUnits(database);
    const replica = new SqliteReplica(database, {}, { changes: new ChangeReplay(database), units });
    replica.createTables();
    for (; next.done !== true; next = await rest.next()) {
      if (next.value.kind === 'records') apply(replica, next.value, header.imagePosition);
      onBlock();
    }
    const { name, exportedAtMs, identity } = header;
    const origin = { name, exportedAt: new Date(exportedAtMs), replicaId: identity.replicaId };
    return new ReadStore(origin, { replica, units, database, remove });
  } catch (error) {
    database.close();
    throw error;
  }
}

/** @returns the first block behind the image */
async function imageInto(
  path: string,
  blocks: AsyncIterator<StoreFileBlock>,
  onBlock: () => void,
): Promise<IteratorResult<StoreFileBlock>> {
  const file = await open(path, 'wx');
  try {
    for (;;) {
      const next = await blocks.next();
      if (next.done === true || next.value.kind !== 'chunk') return next;
      await file.appendFile(next.value.bytes);
      onBlock();
    }
  } finally {
    await file.close();
  }
}

/** A journal is never without its last record, which the image may have. */
function apply(
  replica: SqliteReplica,
  { first, records }: { readonly first: number; readonly records: readonly Uint8Array[] },
  imagePosition: number,
): void {
  const commits = records.flatMap((record, index) =>
    first + index > imagePosition ? decodeJournalRecord(first + index, record) : [],
  );
  if (commits.length > 0) replica.apply(commits);
}

interface ReadStoreParts {
  readonly replica: SqliteReplica;
  readonly units: SqliteUnits;
  readonly database: OpenedSqliteDatabase;
  readonly remove: () => Promise<void>;
}

type ReadUnits = Pick<UnitRecorder, 'syncProgress' | 'findUnits' | 'selectPendingUnits'>;

class ReadStore implements StoreFileRecorder, ReadUnits {
  readonly supports: RecorderSupport = { notifications: true, units: true };
  readonly origin: StoreFileOrigin;
  readonly #parts: ReadStoreParts;
  #isClosed = false;

  constructor(origin: StoreFileOrigin, parts: ReadStoreParts) {
    this.origin = origin;
    this.#parts = parts;
  }

  async insertEvents(): Promise<never> {
    throw new NotSupportedError('A store that was opened as a file is read only. Nothing was stored.');
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return this.#parts.replica.selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return this.#parts.replica.selectNotifications(options);
  }

  async maxNotificationId(): Promise<NotificationId> {
    return this.#parts.replica.maxNotificationId();
  }

  async syncProgress(): Promise<SyncProgress> {
    return this.#parts.units.progress();
  }

  async findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]> {
    return this.#parts.units.find(keys);
  }

  async selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    return this.#parts.units.selectPending(after, limits);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.database.close();
    await this.#parts.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

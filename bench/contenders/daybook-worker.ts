/**
 * Daybook as its worker runs it, without the way from and to the main thread.
 *
 * @module
 */
import { BackgroundCheckpoints } from '../../src/persistence/journal/background-checkpoints.js';
import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { IndexedDbJournal } from '../../src/persistence/indexeddb/indexeddb-journal.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import { systemClock } from '../../src/util/clock.js';
import { HeadChannel } from '../../src/host/head-channel.js';
import { ImagedReplica } from '../../src/host/imaged-replica.js';
import { checkpointLockName } from '../../src/origin/origin-names.js';
import { workIfFree } from '../../src/origin/web-locks.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { wasmMemoryBytes, watchWasmMemory } from './wasm-memory.js';

// The largest checkpoint of a benchmark takes a few seconds.
const SETTLE_MS_MAX = 120_000;
const SETTLE_POLL_MS = 25;
const IMAGE_BYTES_SQL = 'SELECT page_count * page_size FROM pragma_page_count, pragma_page_size';

class DaybookWorker implements Contender {
  #name = '';
  #database: SqliteDatabase | undefined;
  #recorder: DurableRecorder | undefined;
  #checkpoints: BackgroundCheckpoints | undefined;
  #channel: HeadChannel | undefined;

  async open(name: string): Promise<void> {
    this.#name = name;
    const newIdentity = { replicaId: crypto.randomUUID(), createdAtMs: Date.now() };
    const [database, journal] = await Promise.all([
      openSqlJs({ wasmUrl: '/sql-wasm.wasm' }),
      IndexedDbJournal.open({ name, newIdentity, clock: systemClock }),
    ]);
    const images = new ImagedReplica(database, systemClock);
    const channel = new HeadChannel(
      name,
      (position) => this.#recorder?.noteHead(position),
      (durationMs) => this.#recorder?.giveWay(durationMs),
    );
    const recorder = await DurableRecorder.open({
      replica: images.create(),
      images,
      journal,
      onApplied: (position, own) => {
        if (own) channel.post(position);
        this.#checkpoints?.note();
      },
    });
    this.#recorder = recorder;
    this.#checkpoints = new BackgroundCheckpoints({
      source: recorder,
      clock: systemClock,
      alone: (work) => workIfFree(checkpointLockName(name), work),
    });
    this.#checkpoints.note();
    this.#database = database;
    this.#channel = channel;
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    await this.#recorder?.insertEvents(events);
  }

  async count(): Promise<number> {
    // Nothing is ever deleted and ids have no gaps, so the last id is the count.
    return (await this.#recorder?.maxNotificationId()) ?? 0;
  }

  async selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return (await this.#recorder?.selectEvents(originatorId)) ?? [];
  }

  async selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return (await this.#recorder?.selectNotifications({ start, limit })) ?? [];
  }

  async settle(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_MS_MAX;
    while (!(await this.#isSettled())) {
      if (performance.now() > deadlineMs)
        throw new Error('no checkpoint in time', { cause: this.#checkpoints?.lastError });
      await new Promise((resolve) => {
        setTimeout(resolve, SETTLE_POLL_MS);
      });
    }
  }

  imageBytes(): number {
    return this.#database?.prepare(IMAGE_BYTES_SQL).all([])[0]?.[0] as number;
  }

  wasmBytes(): number {
    return wasmMemoryBytes();
  }

  async close(): Promise<void> {
    this.#checkpoints?.close();
    await this.#recorder?.close();
    this.#channel?.close();
    this.#database?.close();
  }

  /** Whether no checkpoint is due, and nobody writes one. */
  async #isSettled(): Promise<boolean> {
    const { held } = await navigator.locks.query();
    const lock = checkpointLockName(this.#name);
    return (this.#recorder?.checkpointNeed ?? 0) < 1 && !held?.some(({ name }) => name === lock);
  }
}

watchWasmMemory();
hostJobs(new DaybookWorker());

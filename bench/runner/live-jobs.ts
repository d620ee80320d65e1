/**
 * One of two stores that follow one log: records events, and notes when others' can be read.
 *
 * @module
 */
import type { Contender } from './contender.js';
import type { LogServer } from './log-server.js';
import { nowMs } from './now.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** Opens a store, which stays open until a job of the kind `release`. */
export interface JoinJob {
  readonly kind: 'join';
  readonly storeName: string;
  /** Left out where it is not synchronised. */
  readonly server?: LogServer;
}

/** Records one event of a new aggregate. */
export interface RecordJob {
  readonly kind: 'record';
  /** Makes the event. */
  readonly seed: number;
}

/** What came of a {@link RecordJob}: its times are in milliseconds since 1970, by the clock of its page. */
export interface RecordResult {
  readonly startMs: number;
  readonly endMs: number;
}

/** Says from when on an event of a {@link RecordJob} could be read, in milliseconds since 1970. */
export interface HeardJob {
  readonly kind: 'heard';
  readonly seed: number;
}

/** Waits until the store has the log up to a position. */
export interface AgreedJob {
  readonly kind: 'agreed';
  readonly position: number;
}

/** Says what time it is, in milliseconds since 1970. */
export interface ClockJob {
  readonly kind: 'clock';
}

// What takes longer does not come.
const HEARD_MS_MAX = 30_000;
const PAGE_EVENTS = 100;

/** The open store of a contender. */
export class LiveStore {
  readonly #contender: Contender;
  /** When each aggregate could be read. */
  readonly #seenAtMs = new Map<string, number>();
  readonly #waiting = new Map<string, (atMs: number) => void>();
  #nextId = 1;
  #toldAtMs: number | undefined;
  #isReading = false;

  constructor(contender: Contender) {
    this.#contender = contender;
  }

  async join({ storeName, server }: JoinJob): Promise<undefined> {
    await this.#contender.open(storeName);
    this.#contender.onRecorded?.(() => {
      this.#toldAtMs = nowMs();
      // The end of the store may come in between: then nobody waits for anything any more.
      this.#read().catch(() => undefined);
    });
    if (server !== undefined) this.#contender.follow?.(server);
  }

  async record({ seed }: RecordJob): Promise<RecordResult> {
    const events = eventsOf(seed);
    const startMs = nowMs();
    await this.#contender.commit(events);
    return { startMs, endMs: nowMs() };
  }

  /** @throws Error when it does not come */
  async heard({ seed }: HeardJob): Promise<number> {
    const [event] = eventsOf(seed);
    const originatorId = event?.originatorId ?? '';
    const seen = this.#seenAtMs.get(originatorId);
    if (seen !== undefined) return seen;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not heard of within ${HEARD_MS_MAX} ms`)), HEARD_MS_MAX);
      this.#waiting.set(originatorId, (atMs) => {
        clearTimeout(timer);
        resolve(atMs);
      });
    });
  }

  /** Reads what is new. What a reading has that began at a moment could be read at that moment. */
  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    for (let atMs = this.#toldAtMs; atMs !== undefined; atMs = this.#toldAtMs) {
      this.#toldAtMs = undefined;
      const found = (await this.#contender.selectNotifications?.(this.#nextId, PAGE_EVENTS)) ?? [];
      for (const { id, originatorId } of found) this.#note(id, originatorId, atMs);
      if (found.length === PAGE_EVENTS) this.#toldAtMs ??= nowMs();
    }
    this.#isReading = false;
  }

  #note(id: number, originatorId: string, atMs: number): void {
    this.#nextId = id + 1;
    this.#seenAtMs.set(originatorId, atMs);
    this.#waiting.get(originatorId)?.(atMs);
    this.#waiting.delete(originatorId);
  }
}

function eventsOf(seed: number): ReturnType<EventSource['take']> {
  return new EventSource(new Random(seed)).take(1);
}

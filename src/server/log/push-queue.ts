/**
 * Pushes of one log that come while a transaction runs share the next one: one lock, one insert, one commit for all of them.
 * So do offers of what it has lost.
 *
 * ```text
 * push ──▶ nothing runs ──▶ at once, alone            waits for nobody
 *      ──▶ something runs ──▶ waits ──▶ with all who wait by then, up to a bound, in the order in which they came
 *
 * something runs, is decided, and much waits ──▶ decided on that as well, and written when that is
 *
 * the transaction ──▶ commits ──▶ each has its own answer
 *                 ──▶ the database fails ──▶ each is told so, and sends again: what is known by then is answered from its row
 *                 ──▶ anything else ──▶ nothing is stored: each is tried alone, and who is at fault fails alone
 * ```
 *
 * Invariants:
 * 1. One transaction at a time is written, and one more is decided meanwhile. Pushes are decided in the order in which they came.
 * 2. None waits for others to come.
 * 3. What waits is bounded, by number and by size: beyond that, who comes is told to come again.
 * 4. An error is told to whoever caused it, and to others only where it says nothing about a push.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { UnavailableError } from '../../sync/protocol/index.js';
import { isOperational } from '../operator/outage.js';

// Of one transaction, which holds the lock while it lasts; a push that has more is alone in its own.
const EVENTS_MAX = 2_000;
const BYTES_MAX = 4_194_304;

// What is less waits until the one before is written, and shares the transaction with all who come meanwhile.
const AHEAD_EVENTS_MIN = 100;

// Of all that wait: as many as connections may wait to be taken, and what a process has room for beside its work.
const WAITING_MAX = 4_096;
const WAITING_BYTES_MAX = 134_217_728;
// Some transactions later there is room again.
const RETRY_AFTER_SECONDS = 2;

/** A push, as far as the queue is concerned. */
export interface QueuedPush {
  readonly units: readonly { readonly id: UnitId; readonly events: readonly StoredEvent[] }[];
}

/**
 * Decides pushes in one transaction.
 *
 * @param onDecided - to be called when all is decided and is about to be written, where the next ones can be decided on that
 * @returns an answer for each, in their order
 */
export type DecideTogether<Push extends QueuedPush, Answer> = (
  pushes: readonly Push[],
  onDecided: () => void,
) => Promise<readonly Answer[]>;

interface Waiting<Push, Answer> {
  readonly push: Push;
  readonly events: number;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Size {
  readonly events: number;
  readonly bytes: number;
}

const NOTHING: Size = { events: 0, bytes: 0 };

/** Collects pushes while others are decided. */
export class PushQueue<Push extends QueuedPush, Answer> {
  readonly #decide: DecideTogether<Push, Answer>;
  readonly #waiting: Waiting<Push, Answer>[] = [];
  #waitingBytes = 0;
  #waitingEvents = 0;
  /** Transactions that have begun, two at most. */
  #running = 0;
  /** Whether the last of them is decided, and only to be written. */
  #isDecided = false;

  constructor(decide: DecideTogether<Push, Answer>) {
    this.#decide = decide;
  }

  /**
   * @throws UnavailableError (`UNAVAILABLE`) when too many wait: then it is not among them. `details.retryAfterSeconds` says
   *   when there may be room
   * @throws what deciding it threw
   */
  async add(push: Push): Promise<Answer> {
    const { events, bytes } = sizeOf(push.units.flatMap((unit) => unit.events));
    const isAlone = this.#waiting.length === 0;
    if (!isAlone && (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX)) {
      throw tooManyWait();
    }
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ push, events, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#waitingEvents += events;
      this.#beginNext();
    });
  }

  #beginNext(): void {
    while (this.#waiting.length > 0 && this.#mayBegin()) void this.#run(this.#next());
  }

  #mayBegin(): boolean {
    if (this.#running === 0) return true;
    return this.#running === 1 && this.#isDecided && this.#waitingEvents >= AHEAD_EVENTS_MIN;
  }

  async #run(some: readonly Waiting<Push, Answer>[]): Promise<void> {
    this.#running++;
    this.#isDecided = false;
    await this.#together(some, () => {
      this.#isDecided = true;
      this.#beginNext();
    });
    this.#running--;
    this.#beginNext();
  }

  /** The first ones, up to the bound; one at least. */
  #next(): readonly Waiting<Push, Answer>[] {
    let [events, bytes] = [0, 0];
    const counted = new Map<UnitId, Size>();
    const end = this.#waiting.findIndex(({ push }) => {
      for (const unit of push.units) {
        // What several send is decided once.
        const before = counted.get(unit.id) ?? NOTHING;
        const size = sizeOf(unit.events);
        events += Math.max(0, size.events - before.events);
        bytes += Math.max(0, size.bytes - before.bytes);
        counted.set(unit.id, {
          events: Math.max(size.events, before.events),
          bytes: Math.max(size.bytes, before.bytes),
        });
      }
      return events > EVENTS_MAX || bytes > BYTES_MAX;
    });
    const some = this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end));
    for (const { events: count, bytes: size } of some) {
      this.#waitingEvents -= count;
      this.#waitingBytes -= size;
    }
    return some;
  }

  async #together(some: readonly Waiting<Push, Answer>[], onDecided: () => void): Promise<void> {
    try {
      const pushes = some.map(({ push }) => push);
      const answers = await this.#decide(pushes, onDecided);
      some.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      if (some.length === 1 || isOperational(error)) for (const { reject } of some) reject(error);
      else for (const one of some) await this.#together([one], () => undefined);
    }
  }
}

function sizeOf(events: readonly StoredEvent[]): Size {
  return {
    events: events.length,
    bytes: events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0),
  };
}

function tooManyWait(): UnavailableError {
  return new UnavailableError('Too many wait for their turn to be recorded. Nothing was stored: send it again.', {
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}

/**
 * Pushes, of which the next ones are packed and sent while one is on its way, where the server takes that.
 *
 * ```text
 * read ─▶ send ─▶ on its way ─▶ answered: all accepted ─▶ the next one counts
 *          ▲          │                   anything else ─▶ those after it do not: they are dropped, and sent again
 *          └──────────┘ while there are fewer than the server takes, each naming the unit before it
 * ```
 *
 * Answers are taken in the order of the pushes. What was sent ahead and ended at a conflict may have overtaken the one before
 * it: so that says nothing, it is sent again, and one at a time from then on.
 *
 * @module
 */
import type { NotificationId } from '../../persistence/stored-event.js';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import type { PendingUnit, UnitId } from '../../persistence/unit.js';
import type { Clock } from '../../util/clock.js';
import { InvalidRequestError, TooLargeError, UnavailableError } from '../protocol/index.js';
import type { PushAnswer } from '../protocol/index.js';
import type { SendSize } from './send-size.js';
import type { SyncTransport } from './transport.js';
import { unreadableOf } from './unreadable-unit.js';

// However many a server takes: that the line is never idle, two do.
const PUSHES_MAX = 4;

/** What {@link PushesAhead} need. */
export interface PushesAheadOptions {
  readonly transport: Pick<SyncTransport, 'limits' | 'push'>;
  readonly size: SendSize;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** What came of the oldest push. */
export interface PushOutcome {
  readonly units: readonly PendingUnit[];
  /** Whether it was sent before the one before it was answered. */
  readonly isAhead: boolean;
  /** For how long it was on its way, in milliseconds. */
  readonly tookMs: number;
  /** The error where it was too much, at once or at all; or where the server could not read one of them, and says which. */
  readonly answer: PushAnswer | TooLargeError | InvalidRequestError;
}

/** Reads units that wait, after a local id. */
export type ReadUnits = (after: NotificationId, limits: UnitLimits) => Promise<readonly PendingUnit[]>;

type Settled = { readonly tookMs: number } & ({ readonly answer: PushAnswer } | { readonly error: unknown });

interface SentPush {
  readonly units: readonly PendingUnit[];
  readonly isAhead: boolean;
  readonly settled: Promise<Settled>;
}

/** Sends pushes. */
export class PushesAhead {
  readonly #options: PushesAheadOptions;
  /** In their order. */
  #sent: SentPush[] = [];
  /** Ends all that are on their way. */
  #end = new AbortController();
  #isOneByOne = false;

  constructor(options: PushesAheadOptions) {
    this.#options = options;
  }

  /** Whether none is on its way. */
  get isEmpty(): boolean {
    return this.#sent.length === 0;
  }

  /**
   * Sends as many as may be on their way, and waits for the oldest.
   *
   * @param after - where to read, when none is on its way
   * @returns what came of it; `undefined` when there is nothing to send
   * @throws as `SyncTransport.push` does, but for `TOO_LARGE`, and an `INVALID_REQUEST` that names a unit, and as `read` does; then none is on its way any more
   */
  async next(read: ReadUnits, after: NotificationId, signal: AbortSignal): Promise<PushOutcome | undefined> {
    try {
      await this.#fill(read, after, signal);
      const first = this.#sent[0];
      if (first === undefined) return undefined;
      const settled = await first.settled;
      this.#sent.shift();
      return this.#outcome(first, settled);
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  /** Ends all that are on their way. What becomes of them is unknown, and asked again. */
  drop(): void {
    if (this.isEmpty) return;
    this.#sent = [];
    this.#end.abort();
    this.#end = new AbortController();
  }

  /** Takes that there is nothing left of what went wrong: more than one at a time may be sent again. */
  hope(): void {
    this.#isOneByOne = false;
  }

  async #fill(read: ReadUnits, after: NotificationId, signal: AbortSignal): Promise<void> {
    const { size, transport } = this.#options;
    for (;;) {
      const last = this.#sent.at(-1)?.units.at(-1);
      const isAhead = size.isQuick && !this.#isOneByOne;
      if (last !== undefined && !(isAhead && this.#sent.length < Math.min(transport.limits.pushes, PUSHES_MAX))) return;
      const from = last === undefined ? after : last.firstNotificationId + last.events.length - 1;
      const units = await read(from, size.limits(transport.limits));
      if (units.length === 0) return;
      this.#send(units, last?.id, signal);
    }
  }

  #send(units: readonly PendingUnit[], follows: UnitId | undefined, signal: AbortSignal): void {
    const { clock, transport } = this.#options;
    const startMs = clock.monotonicMs();
    const end = AbortSignal.any([signal, this.#end.signal]);
    // Never rejects: it may be dropped.
    const settled = (follows === undefined ? transport.push(units, end) : transport.push(units, end, follows)).then(
      (answer) => ({ answer, tookMs: clock.monotonicMs() - startMs }),
      (error: unknown) => ({ error, tookMs: clock.monotonicMs() - startMs }),
    );
    this.#sent.push({ units, isAhead: follows !== undefined, settled });
  }

  /** Counted here, when it is taken: several that fail together say as much as one. */
  #outcome({ units, isAhead }: SentPush, settled: Settled): PushOutcome {
    const { size } = this.#options;
    if ('answer' in settled) {
      const { answer, tookMs } = settled;
      size.succeeded(tookMs);
      assertAnswers(units, answer);
      if (isAhead && answer.conflict !== undefined) this.#isOneByOne = true;
      if (answer.conflict !== undefined || answer.decisions.some(({ kind }) => kind !== 'accepted')) this.drop();
      return { units, isAhead, tookMs, answer };
    }
    const { error, tookMs } = settled;
    size.noteFailure(error, sizeOf(units), tookMs);
    const isOfUnits = error instanceof TooLargeError || error instanceof InvalidRequestError;
    if (!isOfUnits || (error instanceof InvalidRequestError && unreadableOf(error, units) === undefined)) throw error;
    this.drop();
    return { units, isAhead, tookMs, answer: error };
  }
}

/** Bytes of topics and states. */
export function sizeOf(
  units: readonly { readonly events: readonly { readonly topic: string; readonly state: Uint8Array }[] }[],
): number {
  return units.reduce(
    (sum, { events }) => events.reduce((inner, { topic, state }) => inner + topic.length + state.length, sum),
    0,
  );
}

/** @throws UnavailableError (`UNAVAILABLE`) when an answer is about something else than what was sent */
function assertAnswers(units: readonly PendingUnit[], { decisions, conflict }: PushAnswer): void {
  const isInOrder = decisions.every(({ id }, index) => units[index]?.id === id);
  const rest = units[decisions.length];
  const isWhole = conflict === undefined ? rest === undefined : rest?.id === conflict;
  if (isInOrder && isWhole) return;
  throw new UnavailableError('The server has answered something else than it was asked. It is tried again.');
}

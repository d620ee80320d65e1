/**
 * The outbox: events that are still to be published, written in the same transaction as the events themselves.
 *
 * ```text
 *                    ┌──────────── lease expired, or released ◀──────────┐
 *                    ▼                                                   │
 *   commit ──▶ pending ──claim──▶ pending, leased ──settle──▶ published ──deletePublished──▶ gone
 *                    ▲                     │
 *                    │                     ├──settle: again later──▶ pending, waiting
 *                    │                     └──settle: given up─────▶ failed
 *                    └──────────retry────────────────────────────────┤
 *                               resolve ──▶ published                │
 *                               discard ──▶ gone ◀───────────────────┘
 * ```
 *
 * Invariants:
 * 1. An entry is there if and only if its event is: both are in one transaction.
 * 2. Entries are taken in the order of their positions, which are notification ids; never by time, for clocks jump and
 *    times are equal.
 * 3. Order in each aggregate: an entry is claimed only together with, or after, all earlier ones of its aggregate. One that
 *    failed or waits holds back those after it, and nothing else.
 * 4. The entries of an aggregate are leased to one worker at a time. A lease that has expired is taken over.
 * 5. No lock is held while anything is published: to claim and to settle are short transactions of their own.
 * 6. A time is by the clock of whoever wrote it, and clocks are set: one that is too far ahead counts as over.
 * 7. Only who holds the lease can settle: a worker that was too slow changes nothing any more.
 *
 * @module
 */
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { InlineParticipant } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { validateCount, validateInteger } from '../../persistence/validation.js';

/** `failed` is a dead letter: somebody has to look at it. */
export type OutboxStatus = 'pending' | 'published' | 'failed';

/** An event that is, or was, to be published. */
export interface OutboxEntry {
  readonly id: string;
  /** The notification id of the event. */
  readonly position: NotificationId;
  readonly eventId: string;
  readonly eventType: string;
  readonly aggregateId: string;
  readonly aggregateType: string;
  readonly tenantId: string | undefined;
  readonly createdAt: Date;
  readonly publishedAt: Date | undefined;
  /** Failed attempts so far. */
  readonly retryCount: number;
  /** What the last attempt failed with. */
  readonly lastError: string | undefined;
  readonly status: OutboxStatus;
  /** Not before this time, in milliseconds since 1970; 0 for at once. */
  readonly nextAttemptAtMs: number;
  /**
   * The event as it was recorded.
   *
   * @throws DataError (`DATA_ERROR`) when it cannot be read: damaged, or of another key
   */
  event(): Promise<NotifiedEvent>;
}

/** What a worker asks for. */
export interface ClaimRequest {
  /** Names this claim, and no other one ever. */
  readonly leaseId: string;
  readonly nowMs: number;
  /** From then on, others may take the entries over. */
  readonly leaseUntilMs: number;
  /**
   * What is leased, or waits, until later than this is due: it was written by a clock that was wrong then, or that is
   * right since. Otherwise a clock that is set back by a day would keep everything back for a day. @defaultValue none
   */
  readonly horizonMs?: number;
  /** Entries at most. */
  readonly limit: number;
}

/** What became of an entry. */
export type OutboxOutcome =
  | { readonly id: string; readonly kind: 'published'; readonly publishedAtMs: number }
  | {
      readonly id: string;
      /** `again` later, or `failed` for good. */
      readonly kind: 'again' | 'failed';
      readonly error: string;
      /** Whether it counts as an attempt. */
      readonly counts: boolean;
      readonly nextAttemptAtMs: number;
    };

/** How many entries there are. */
export type OutboxCounts = Readonly<Record<OutboxStatus, number>>;

/** Which part of a list. */
export interface OutboxPage extends CallOptions {
  /** Only positions greater than this. @defaultValue 0 */
  readonly after?: NotificationId;
  /** At most this many. @defaultValue 100 */
  readonly limit?: number;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such page @internal */
export function validatePage(after: number, limit: number): void {
  validateInteger('after', after, Number.MIN_SAFE_INTEGER);
  validateCount('limit', limit);
}

/**
 * Keeps entries. Workers on several machines may use one. Calls of people take a signal, as those of recorders do; those of
 * workers do not: what was published is written down, whatever is given up.
 */
export interface Outbox
  extends
    Required<Pick<InlineParticipant, 'onRecorded'>>,
    Pick<InlineParticipant, 'onCommitted' | 'onUnitsChanged' | 'onEventsChanged'> {
  /**
   * Adds events that were recorded before there was an outbox. One that is there already, by its position, is left as
   * it is.
   */
  enqueue(events: readonly NotifiedEvent[], options?: CallOptions): Promise<void>;
  /** Leases entries that may be published now. @returns them in the order of their positions */
  claim(request: ClaimRequest): Promise<readonly OutboxEntry[]>;
  /** Prolongs a lease. @returns whether any entry is still leased by it */
  renew(leaseId: string, leaseUntilMs: number): Promise<boolean>;
  /** Writes down what became of leased entries. Those that the lease has lost are left as they are. */
  settle(leaseId: string, outcomes: readonly OutboxOutcome[]): Promise<void>;
  /** Gives back what is still leased. */
  release(leaseId: string): Promise<void>;
  counts(options?: CallOptions): Promise<OutboxCounts>;
  /** What is still to be published, in the order of the positions. */
  pending(page?: OutboxPage): Promise<readonly OutboxEntry[]>;
  /** What was given up, in the order of the positions. */
  deadLetters(page?: OutboxPage): Promise<readonly OutboxEntry[]>;
  /** Makes a dead letter pending again, its attempts counted anew. @returns whether there was one of this id */
  retry(id: string, options?: CallOptions): Promise<boolean>;
  /** Says that a dead letter was delivered otherwise: it counts as published. @returns whether there was one of this id */
  resolve(id: string, options?: CallOptions): Promise<boolean>;
  /** Deletes a dead letter: it is never published. @returns whether there was one of this id */
  discard(id: string, options?: CallOptions): Promise<boolean>;
  /** Deletes entries that were published before a time, at most so many. @returns how many were deleted */
  deletePublished(beforeMs: number, limit: number, options?: CallOptions): Promise<number>;
  /** Calls a listener after this process has added entries, or made some pending again. @returns stops the calls */
  onPending(listener: () => void): () => void;
}

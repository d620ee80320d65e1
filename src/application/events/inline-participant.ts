import { ProgrammingError } from '../../persistence/errors.js';
import type {
  RecorderTransaction,
  TransactionalRecorder,
  TransactionOutcome,
} from '../../persistence/recorder-transaction.js';
import type { InsertEventsOptions, ProcessRecorder } from '../../persistence/recorder.js';
import type { BatchRecorder, SqlStatement } from '../../persistence/sql/batch-recorder.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { Notification, NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { NotifiedEvent } from './notified-event.js';

/** What a participant needs when units have changed. */
export interface UnitsChanged {
  /** As `Application.decode`. */
  readonly decode: (notification: Notification) => Promise<NotifiedEvent>;
}

/**
 * What takes part in the transactions of an application: an outbox, an index, an in-line projection. What it writes is
 * committed together with the events, or not at all.
 */
export interface InlineParticipant {
  /**
   * Whether what it keeps is made of all events, from the first one on: a store then does not begin with snapshots
   * (`startSync({ bootstrap: true })`). @defaultValue false
   */
  readonly needsHistory?: boolean;
  /**
   * Called after the events were inserted, in the same transaction, with events of one commit in the order of their
   * notification ids. What it rejects with refuses the whole commit.
   *
   * May be called more than once for one commit, in a transaction that begins anew each time: a browser store runs it
   * again when another tab was faster. So it has no effect but on the connection of the transaction, which is
   * `undefined` on an engine without SQL.
   *
   * @defaultValue it only hears of commits, and needs no transaction
   */
  onRecorded?(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void>;
  /**
   * What {@link InlineParticipant.onRecorded} writes, where nothing can be read before the commit, because a batch is all that the
   * engine has (`supports.batches`): there it is called in its place, and what it gives is committed with the events, or not at
   * all. May be called more than once for one commit, with other notification ids; what it rejects with refuses the commit.
   *
   * @defaultValue it cannot be said beforehand: an application on such an engine is refused
   */
  statementsFor?(events: readonly NotifiedEvent[]): Promise<readonly SqlStatement[]>;
  /**
   * Called in the transaction in which units of a synchronised store change: a page of the server's log is stored, with what
   * was decided again because of it, or units are set aside. What is kept of pending events, and may not be any more, is put
   * right here; so is what follows from others' events. May be called more than once, as {@link InlineParticipant.onRecorded}.
   * What it rejects with is reported, and the units change without it: others' events cannot be refused.
   *
   * @defaultValue nothing is to be put right
   */
  onUnitsChanged?(transaction: RecorderTransaction<SqlQueryable | undefined>, changed: UnitsChanged): Promise<void>;
  /**
   * Called once after units of a synchronised store have changed: with events that others have recorded, with those that
   * were set aside or decided again, and with what they are now; so that what was remembered of them is forgotten. Their
   * `notificationId` is 0: not all of them are in the log. What it throws is reported.
   *
   * @defaultValue it does not hear of them
   */
  onEventsChanged?(events: readonly NotifiedEvent[]): void;
  /**
   * Called once after the commit, which is that of the whole transaction where the application records in one, with the events as they were committed, in the order of the commits. The place for
   * effects that are not in the transaction: waking somebody, or memory. Not called when the process ended before. What it
   * throws is not caught: the commit has succeeded, and says so.
   */
  onCommitted?(events: readonly NotifiedEvent[]): void;
  /**
   * Called once instead of {@link InlineParticipant.onCommitted} when the transaction that the application records in was
   * rolled back after the events were saved in it, or nobody knows how it ended: somebody may have read them meanwhile.
   * Not called for a save that was refused by itself.
   */
  onRolledBack?(events: readonly NotifiedEvent[]): void;
}

/** Whether any of them takes part in transactions, and does not only hear of commits. */
export function takePartInTransactions(participants: readonly InlineParticipant[]): boolean {
  return participants.some((participant) => takesPart(participant));
}

function takesPart(participant: InlineParticipant): boolean {
  return has(participant, 'onRecorded') || has(participant, 'statementsFor');
}

function has(participant: InlineParticipant, method: keyof InlineParticipant): boolean {
  return typeof participant[method] === 'function';
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one of them needs what a recorder has not */
export function assertCanTakePart({ supports }: ProcessRecorder, participants: readonly InlineParticipant[]): void {
  const parts = participants.filter(takesPart);
  if (parts.length === 0) return;
  if (supports?.transactions === true) {
    if (parts.every((part) => has(part, 'onRecorded'))) return;
    throw new ProgrammingError(
      'An in-line participant has statementsFor alone, and this recorder has transactions: it needs onRecorded.',
    );
  }
  if (supports?.batches !== true) {
    throw new ProgrammingError('In-line participants need a recorder with transactions, and this one has none.');
  }
  if (parts.every((part) => has(part, 'statementsFor'))) return;
  throw new ProgrammingError(
    'An in-line participant reads or writes in a transaction, and this recorder has only batches: give it statementsFor, or follow the log instead.',
  );
}

/** The participants of an application, its event index first: what it refuses, the others need not do. */
export function withIndex(
  participants: readonly InlineParticipant[],
  index: InlineParticipant | undefined,
): readonly InlineParticipant[] {
  return index === undefined || participants.includes(index) ? participants : [index, ...participants];
}

/** What {@link insertInLine} inserts. */
export interface InlineInsertion {
  readonly storedEvents: readonly StoredEvent[];
  readonly options: InsertEventsOptions;
  /** The same events, decoded, with the ids that they were given. */
  readonly notified: (ids: readonly NotificationId[]) => readonly NotifiedEvent[];
}

/**
 * Inserts events, and lets the participants take part: all of it in one transaction, or nothing. Where none takes part, it
 * is an insert.
 *
 * @param recorder - has transactions, or batches, where a participant takes part in them
 * @returns the ids of the events, after the commit. Whose place it is to tell of that, tells: {@link tellEnd}
 * @throws what the recorder throws, and what a participant rejects with
 */
export async function insertInLine(
  recorder: ProcessRecorder,
  participants: readonly InlineParticipant[],
  { storedEvents, options, notified }: InlineInsertion,
): Promise<readonly NotificationId[]> {
  if (storedEvents.length === 0 || !takePartInTransactions(participants)) {
    return await recorder.insertEvents(storedEvents, options);
  }
  if (recorder.supports?.transactions !== true) {
    return await (recorder as BatchRecorder).insertWith(storedEvents, options, async (ids) => {
      const events = notified(ids);
      const all = await Promise.all(participants.map(async (one) => (await one.statementsFor?.(events)) ?? []));
      return all.flat();
    });
  }
  const { signal } = options;
  const work = async (
    transaction: RecorderTransaction<SqlQueryable | undefined>,
  ): Promise<readonly NotificationId[]> => {
    const ids = await transaction.insertEvents(storedEvents, options);
    const events = notified(ids);
    // One after the other: they share the connection.
    for (const participant of participants) await participant.onRecorded?.(transaction, events);
    return ids;
  };
  const transactional = recorder as TransactionalRecorder<SqlQueryable | undefined>;
  return await (signal === undefined ? transactional.transaction(work) : transactional.transaction(work, { signal }));
}

/** Tells a participant of the end of the transaction that events were saved in. */
export function tellEnd(
  participant: InlineParticipant,
  events: readonly NotifiedEvent[],
  outcome: TransactionOutcome,
): void {
  if (outcome === 'committed') participant.onCommitted?.(events);
  else participant.onRolledBack?.(events);
}

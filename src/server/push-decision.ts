/**
 * Decides a push: what of it is recorded already, what is new, and what cannot be.
 *
 * The server is a process application that follows each replica's sequence: new events and the replica's tracking
 * record are stored by one `insertEvents`, and that is all that "exactly once" needs.
 *
 * ```text
 *            last = what is tracked of the replica
 * last < after ─▶ SERVER_BEHIND
 * ids ≤ last   ─▶ must be stored as they are sent, or REPLICA_DIVERGED; never recorded again
 * ids > last   ─▶ insertEvents(events, tracking: the last of the ids)
 *                   done ─▶ 200      refused, and `last` has moved ─▶ decide again      refused ─▶ INTEGRITY_ERROR
 * ```
 *
 * @module
 */
import { DataError, IntegrityError, OperationalError, STATEMENT_REASON } from '../persistence/errors.js';
import type { ProcessRecorder, StoredComparison } from '../persistence/recorder.js';
import type { Notification, NotificationId, StoredEvent } from '../persistence/stored-event.js';
import {
  fromPushRequest,
  InvalidRequestError,
  ReplicaDivergedError,
  ServerBehindError,
  UnavailableError,
} from '../sync/protocol/index.js';
import type { PushRequest, PushResponse } from '../sync/protocol/index.js';
import { toStoredEvent } from './inline-pushes.js';
import type { RecordPush } from './inline-pushes.js';

// Each attempt after the first means that a duplicate of the request got further meanwhile: one is usual, more are odd.
const DECISIONS_MAX = 5;

/** A push that was decided. */
export interface PushDecision {
  readonly response: PushResponse;
  /** Events that this request recorded; the others were recorded before. */
  readonly recordedCount: number;
}

/**
 * @param recordPush - records what is new
 * @throws ServerBehindError (`SERVER_BEHIND`) when the replica was confirmed more than the server has
 * @throws ReplicaDivergedError (`REPLICA_DIVERGED`) when other events are stored under the ids that are sent
 * @throws IntegrityError (`INTEGRITY_ERROR`) when another replica took a position in an aggregate
 * @throws DuplicateEventError (`DUPLICATE_EVENT`) when another event has an event id, where somebody who takes part knows
 * @throws InvalidRequestError (`INVALID_REQUEST`) when the database cannot store a value, or nobody can read an event
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the database fails; the same request can be sent again
 */
export async function decidePush(
  recorder: ProcessRecorder,
  recordPush: RecordPush,
  request: PushRequest,
): Promise<PushDecision> {
  const { replicaId, after } = request;
  const notifications = fromPushRequest(request);
  let last = await recorder.maxTrackingId(replicaId);
  for (let decisions = 1; decisions <= DECISIONS_MAX; decisions++) {
    if (last < after) throw serverBehind(after, last);
    const split = firstAbove(notifications, last);
    await checkRecorded(recorder, notifications.slice(0, split));
    const fresh = notifications.slice(split);
    if (fresh.length === 0) return await answerAgain(recorder, last);
    try {
      return await record(recordPush, replicaId, fresh);
    } catch (error) {
      // Engines differ in which of the two constraints a racing duplicate meets first: only the tracking record tells.
      if (!(error instanceof IntegrityError)) throw error;
      const moved = await recorder.maxTrackingId(replicaId);
      if (moved === last) throw error;
      last = moved;
    }
  }
  throw new UnavailableError('Too many requests of this replica at once. Nothing is lost: send it again.');
}

async function record(
  recordPush: RecordPush,
  replicaId: string,
  fresh: readonly Notification[],
): Promise<PushDecision> {
  const trackingId = (fresh.at(-1) as Notification).id;
  const tracking = { applicationName: replicaId, notificationId: trackingId };
  const ids = await recordPush(fresh, { tracking }).catch((error: unknown) => {
    if (cannotBeStored(error)) throw new InvalidRequestError('The database cannot store a value of these events.');
    throw error;
  });
  // Ids are given in the order of commits, so at that moment nothing was above these.
  const head = ids.at(-1) as NotificationId;
  return { response: { tracking: { id: trackingId }, head }, recordedCount: fresh.length };
}

/** Of the database's limits, the one that those who take part can meet is a text too long for an index. */
function cannotBeStored(error: unknown): boolean {
  if (error instanceof DataError) return true;
  if (!(error instanceof OperationalError) || error.details['reason'] !== STATEMENT_REASON) return false;
  return error.details['sqlState'] === '54000';
}

async function answerAgain(recorder: ProcessRecorder, last: NotificationId): Promise<PushDecision> {
  return { response: { tracking: { id: last }, head: await recorder.maxNotificationId() }, recordedCount: 0 };
}

async function checkRecorded(recorder: ProcessRecorder, notifications: readonly Notification[]): Promise<void> {
  if (notifications.length === 0) return;
  const unlike = await findUnlike(recorder, notifications);
  if (unlike !== undefined) throw diverged(notifications[unlike] as Notification);
}

async function findUnlike(
  recorder: ProcessRecorder & Partial<StoredComparison>,
  notifications: readonly Notification[],
): Promise<number | undefined> {
  if (recorder.findUnlike !== undefined) return await recorder.findUnlike(notifications.map(toStoredEvent));
  for (const [index, sent] of notifications.entries()) {
    // One by one, to the first that differs: whoever sends a few bytes for large events must not have all of them read.
    const version = sent.originatorVersion;
    const [stored] = await recorder.selectEvents(sent.originatorId, { gt: version - 1, lte: version });
    if (stored === undefined || !isSame(sent, stored)) return index;
  }
  return undefined;
}

function isSame(sent: StoredEvent, stored: StoredEvent): boolean {
  return (
    sent.originatorVersion === stored.originatorVersion &&
    sent.topic === stored.topic &&
    sent.state.length === stored.state.length &&
    sent.state.every((byte, index) => byte === stored.state[index])
  );
}

function firstAbove(notifications: readonly Notification[], id: NotificationId): number {
  const index = notifications.findIndex((notification) => notification.id > id);
  return index === -1 ? notifications.length : index;
}

function serverBehind(after: NotificationId, last: NotificationId): ServerBehindError {
  return new ServerBehindError(
    `This replica was confirmed up to ${after}, but the server has it up to ${last}: it was restored from a backup, or is another server.`,
    { details: { after, trackingId: last } },
  );
}

function diverged({ id, originatorId, originatorVersion }: Notification): ReplicaDivergedError {
  return new ReplicaDivergedError(
    `Notification ${id} of this replica was recorded before, with other content: the store was copied, or rolled back.`,
    { details: { id, originatorId, originatorVersion } },
  );
}

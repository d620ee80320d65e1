/**
 * Brings a log into another one, so that both are the same: units under their ids, in their order, in the name of who had sent
 * them. Their ends have one cursor then, whose hash is of all that was recorded.
 *
 * ```text
 * where does the other one end? ──▶ is that a place of this one? ──▶ what follows it ──▶ push ──▶ each where it is here? ──▶ …
 *                                       │ no                                              │ no, or refused
 *                                       └──▶ stopped: somebody else wrote there           └──▶ stopped
 * ```
 *
 * Invariants:
 * 1. The order of the other log is that of this one: nothing is pushed before what stands before it was taken.
 * 2. Where to go on is asked of the other log, and not remembered: one that was set back, or emptied, gets what it lacks; what
 *    was pushed by somebody who was killed is there.
 * 3. Only what is brought is in the other log. Anything else is found, and nothing is passed over for it.
 *
 * @module
 */
import { IntegrityError } from '../persistence/errors.js';
import type { Cursor, PendingUnit } from '../persistence/unit.js';
import type { SentUnits, StoredUnitLog } from '../server/index.js';

const LIMITS = { eventsMax: 500, bytesMax: 1_048_576 };

/** A log that is brought into another one: a `SqliteUnitLog`, or a `PostgresUnitLog`. */
export type CopiedLog = Pick<StoredUnitLog, 'sentAfter' | 'common' | 'head'>;
/** The other one, to which nobody else writes. */
export type LogCopyTarget = Pick<StoredUnitLog, 'push' | 'news'>;

/**
 * Why a log cannot be brought into another one. `differs`: something else was recorded there, at the end of it or before.
 * `ahead`: it has more than this one, which was set back, perhaps; or somebody else writes there. `conflict`: something else is
 * in the place of an event. `refused`: who takes part in the other log says no to a unit.
 */
export type ForwardStop = 'differs' | 'ahead' | 'conflict' | 'refused';

/**
 * A log cannot have what another one has. Nothing was passed over. `details` have the `reason` ({@link ForwardStop}), the `unit`
 * where it is known, and the `refusal` with which it was refused.
 */
export class ForwardStoppedError extends IntegrityError {
  static override readonly code: string = 'FORWARD_STOPPED';
}

/** What a log was brought to. */
export interface LogCopy {
  /** Of the end of both logs. */
  readonly position: number;
  /** Of the end of both logs. Its hash is of all units up to there. */
  readonly cursor: Cursor;
  /** How many units were brought by this call. */
  readonly units: number;
}

/** Options of {@link copyLog}. */
export interface CopyLogOptions {
  /** Who brings it, as the other log's operators see it: the replica of all of it. @defaultValue `hub` */
  readonly replicaId?: string | undefined;
}

/**
 * Brings all of a log into another one, from where that ends: of a log that moves from PostgreSQL into an object, or back. Called
 * again it goes on. What is refused or set aside is not part of a log, and stays.
 *
 * While it is the last time, nobody may record: stop the servers of the log first.
 *
 * @throws ForwardStoppedError (`FORWARD_STOPPED`) when the other log has something else, or refuses a unit
 *
 * @example
 * ```ts
 * const { cursor } = await copyLog(postgresLog, hub.unitLog);
 * ```
 */
export async function copyLog(
  from: CopiedLog,
  to: LogCopyTarget,
  { replicaId }: CopyLogOptions = {},
): Promise<LogCopy> {
  let units = 0;
  for await (const part of broughtParts(from, to, replicaId)) units += part.units.length;
  const { end, position } = await to.news(LIMITS);
  if ((await from.common([end])) !== end) throw differing(position, await from.head());
  return { position, cursor: end, units };
}

/** A part of a log, and where it ends. */
export type BroughtPart = Pick<SentUnits, 'units' | 'to' | 'position'>;

/** What the other log has by then: what it had, which is named by its end alone, then one part after the other. */
export async function* broughtParts(
  from: CopiedLog,
  to: LogCopyTarget,
  replicaId: string = 'hub',
): AsyncGenerator<BroughtPart> {
  const { end, position } = await to.news(LIMITS);
  let part = (await from.common([end])) === end ? await from.sentAfter(end, LIMITS) : undefined;
  if (part === undefined) throw differing(position, await from.head());
  yield { units: [], to: end, position };
  while (part !== undefined && part.units.length > 0) {
    await pushPart(to, part, replicaId);
    yield part;
    part = await from.sentAfter(part.to, LIMITS);
  }
}

async function pushPart(to: LogCopyTarget, { units }: BroughtPart, replicaId: string): Promise<void> {
  for (const { author, sent } of byAuthor(units)) {
    const pending = sent.map(({ unit }) => unit);
    const { decisions, conflict } = await to.push(pending, { subject: author, replicaId });
    for (const [index, decision] of decisions.entries()) {
      const { id } = decision;
      if (decision.kind === 'rejected') {
        const { code, message } = decision;
        throw stopped('refused', `it refuses a unit: ${message}`, { unit: id, refusal: code });
      }
      const here = sent[index]?.position;
      if (decision.position !== here) {
        const details = { unit: id, position: decision.position, ...(here === undefined ? {} : { here }) };
        throw stopped('differs', 'something else was recorded there before a unit', details);
      }
    }
    if (conflict !== undefined) {
      throw stopped('conflict', 'something else is in the place of an event', { unit: conflict });
    }
  }
}

interface SentUnit {
  readonly unit: PendingUnit;
  readonly position: number;
}

/** Units that follow each other, by who had sent them. */
function byAuthor(
  units: SentUnits['units'],
): readonly { readonly author: string; readonly sent: readonly SentUnit[] }[] {
  const groups: { author: string; sent: SentUnit[] }[] = [];
  for (const { id, edition, events, isCommutative, scopes, after, origin, position } of units) {
    const unit: PendingUnit = { id, events, isCommutative, scopes, after, firstNotificationId: 0 };
    const last = groups.at(-1);
    const group = last?.author === origin.author ? last : { author: origin.author, sent: [] };
    if (group !== last) groups.push(group);
    group.sent.push({ unit: edition === undefined ? unit : { ...unit, edition }, position });
  }
  return groups;
}

function differing(theirs: number, here: number): ForwardStoppedError {
  const details = { position: theirs, here };
  if (theirs > here) {
    return stopped('ahead', 'it has more than this one, which was set back, or somebody else writes there', details);
  }
  return stopped('differs', 'something else was recorded there', details);
}

function stopped(
  reason: ForwardStop,
  why: string,
  details: Readonly<Record<string, string | number>>,
): ForwardStoppedError {
  return new ForwardStoppedError(
    `The log cannot be brought into the other one: ${why}. Nothing was passed over. Only this log may be brought there: record what others have recorded there by way of this one, and name new, empty tables, which will get all of it.`,
    { details: { reason, ...details } },
  );
}

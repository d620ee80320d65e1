/**
 * What a device asks of a server, whatever carries it.
 *
 * @module
 */
import type { Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { OriginatorId } from '../../persistence/stored-event.js';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import type { HealAnswer, PushAnswer, SyncLimits } from '../protocol/index.js';

/**
 * The four requests. Each can be sent again: what became of it is unknown when it failed with `UNAVAILABLE`, and nothing was
 * stored when it failed otherwise.
 *
 * Each rejects with one of these, or with the reason of its signal:
 * - `UnavailableError` (`UNAVAILABLE`): there was no answer that counts. `details.status` is there when there was one, and
 *   `details.retryAfterMs` when that asked to wait; `details.reason` is `'token'` when no token came.
 * - `UnauthorizedError` (`UNAUTHORIZED`): the token is not good, and neither is the one that was asked for because of that.
 * - `TooLargeError` (`TOO_LARGE`): less has to be sent at once. `details.bytes` is what was sent, as it crossed the network;
 *   `details.isServers` is false when a proxy said so, whose limit is not that of another way to the server.
 * - `ForbiddenError`, `InvalidRequestError`, `UpgradeRequiredError`, and others of `SYNC_ERRORS`: as the server has said.
 */
export interface SyncTransport {
  /** What the server has said last that it takes in a request; `LIMITS_LEAST` before it has said anything. */
  readonly limits: SyncLimits;

  /**
   * Sends units, in the order in which they were recorded.
   *
   * @param units - at least one
   * @param follows - the last unit of the push before, where that is not answered yet: while the log does not know it,
   *   nothing new is decided, which is answered as a conflict. Only where `limits.pushes` is more than 1
   */
  push(units: readonly PendingUnit[], signal: AbortSignal, follows?: UnitId): Promise<PushAnswer>;

  /**
   * Reads what follows in the log.
   *
   * @param limits - of the answer; the server may have less
   * @param held - what this device holds beyond the cursor, and the log has to have as well. @defaultValue nothing
   * @param bootstrap - at the start: that a part of a bootstrap may come instead, and the aggregates of which all events have
   *   to; as `SyncProgress.bootstrap` names them. @defaultValue a page comes
   * @throws CursorUnknownError (`CURSOR_UNKNOWN`) when the log does not have, or not any more, what the cursor stands for, or what is
   *   held
   * @throws ScopesChangedError (`SCOPES_CHANGED`) when it does, and this device may see another part of it than before
   */
  page(
    after: Cursor,
    limits: UnitLimits,
    signal: AbortSignal,
    held?: readonly Cursor[],
    bootstrap?: readonly OriginatorId[],
  ): Promise<UnitPage>;

  /** Asks for the newest cursor that the log has. @param marks - newest first @returns one of them, or the start */
  common(marks: readonly Cursor[], signal: AbortSignal): Promise<Cursor>;

  /** Offers units that were confirmed and are lost, in the order of their old positions. @param units - at least one */
  heal(units: readonly LostUnit[], signal: AbortSignal): Promise<HealAnswer>;
}

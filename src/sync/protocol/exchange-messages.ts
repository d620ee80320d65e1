/**
 * What is answered in JSON.
 *
 * @module
 */
import type { UnitId } from '../../persistence/unit.js';

/** What a server says of a unit that was pushed. */
export type PushDecision =
  /** It is in the log, since now or before; `position` is that of its last event. A hint: only a page confirms. */
  | { readonly id: UnitId; readonly kind: 'accepted'; readonly position: number }
  /** It is refused for good, since now or before. */
  | { readonly id: UnitId; readonly kind: 'rejected'; readonly code: string; readonly message: string };

/** What came of a push. */
export interface PushAnswer {
  /** Of the units that were decided: the first ones of those that were sent, in the order in which they were sent. */
  readonly decisions: readonly PushDecision[];
  /**
   * The unit at which it ended, where it ended before the last: it stands on another state than the log's. It is not
   * decided; follow the log, then decide it again.
   */
  readonly conflict: UnitId | undefined;
  /** The position of the end of the log. */
  readonly head: number;
}

/** What became of a unit that was offered to a server which had lost it. */
export interface HealDecision {
  readonly id: UnitId;
  /**
   * `restored`: it is there again, as it was. `known`: it is there, or decided otherwise, already. `setAside`: it does not
   * fit any more, and waits for an operator. `refused`: this server has not sealed it.
   */
  readonly kind: 'restored' | 'known' | 'setAside' | 'refused';
}

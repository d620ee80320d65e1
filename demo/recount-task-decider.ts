/**
 * The recounts of a stock item.
 *
 * ```text
 * settled ──a count far from what was expected──▶ asked ──a count that agrees with either of the two──▶ settled
 *                                                   └──one that agrees with neither──▶ asked
 * ```
 *
 * @module
 */
import { command, defineDecider, event } from 'daybook/application';
import { RECOUNT_ASKED, RECOUNT_DONE } from './stock-events.js';
import type { RecountAskedData, RecountDoneData } from './stock-events.js';

// A warehouse bears small differences, and so does a slip of one press: both bounds must be reached.
const FAR_OFF_UNITS_MIN = 5;
const FAR_OFF_SHARE_MIN = 0.2;

/** Whether a count is too far from what was expected to be believed at once: 5 or more off, and a fifth or more. */
export function isFarOff(expectedQuantity: number, countedQuantity: number): boolean {
  const difference = Math.abs(countedQuantity - expectedQuantity);
  return difference >= FAR_OFF_UNITS_MIN && difference >= expectedQuantity * FAR_OFF_SHARE_MIN;
}

/** Where the recounts of an item stand. */
export type RecountTaskState =
  | { readonly status: 'settled' }
  | {
      readonly status: 'asked';
      readonly expectedQuantity: number;
      readonly countedQuantity: number;
      readonly askedAt: string;
    };

/** Decides whether an item has to be counted again. */
export const recountTask = defineDecider({
  name: 'RecountTask',
  events: {
    // Of two devices that ask or answer at once, the later one in the books has the last word: nobody is in the way.
    Asked: event<RecountAskedData>({ topic: RECOUNT_ASKED, isCommutative: true }),
    Done: event<RecountDoneData>({ topic: RECOUNT_DONE, isCommutative: true }),
  },
  commands: {
    /** Somebody counted the item. */
    ReviewCount: command<Omit<RecountAskedData, 'askedAt'> & { readonly countedAt: string }>(),
  },
  initialState: (): RecountTaskState => ({ status: 'settled' }),
  decide: {
    ReviewCount: ({ data: { countedAt, ...data } }, state) => {
      const { sku, name, countedBy, countedQuantity } = data;
      if (state.status === 'settled') {
        return isFarOff(data.expectedQuantity, countedQuantity)
          ? { type: 'Asked', data: { ...data, askedAt: countedAt } }
          : [];
      }
      const { expectedQuantity } = state;
      // Two counts that agree are believed; one that agrees with what was expected says that the one before was a slip.
      const isAgreed = [state.countedQuantity, expectedQuantity].some((other) => !isFarOff(other, countedQuantity));
      return isAgreed
        ? { type: 'Done', data: { sku, name, countedBy, quantity: countedQuantity, doneAt: countedAt } }
        : { type: 'Asked', data: { sku, name, countedBy, expectedQuantity, countedQuantity, askedAt: countedAt } };
    },
  },
  evolve: {
    Asked: (_state, { data: { expectedQuantity, countedQuantity, askedAt } }): RecountTaskState => ({
      status: 'asked',
      expectedQuantity,
      countedQuantity,
      askedAt,
    }),
    Done: (): RecountTaskState => ({ status: 'settled' }),
  },
});

/**
 * A stock item, which many devices count.
 *
 * Two kinds of counts, because of two devices that count one item without having heard of each other. The first to
 * arrive is in the books; the other one's command is decided again on what is there then. A step (`+1`) is taken from
 * there. Of two quantities (`12 lie there`) only one can be right, so the decider says no, and a person has to decide.
 *
 * @module
 */
import { command, CommandError, defineDecider, event } from 'daybook/application';
import { ITEM_COUNTED, ITEM_STEPPED } from './stock-events.js';
import type { Counter, ItemCountedData, ItemSteppedData } from './stock-events.js';

/** Largest quantity that is taken: more is a slip of the finger. */
export const QUANTITY_MAX = 99_999;

/** What both commands say about the item and the moment. */
export interface CountOccasion extends Pick<ItemCountedData, 'sku' | 'name' | 'countedAt'> {
  readonly countedBy: Counter;
  /** What the last stocktake found: stands until the item is counted. */
  readonly lastStocktakeQuantity: number;
}

/** Where the count of an item stands. */
export interface StockItemState {
  /** Undefined until it is counted for the first time. */
  readonly quantity: number | undefined;
  /** Of the last count. */
  readonly countedAt: string | undefined;
  readonly countedBy: Counter | undefined;
}

/** Somebody else has counted the item in the meantime, and has found something else. */
export class CountedMeanwhileError extends CommandError {
  static override readonly code: string = 'COUNTED_MEANWHILE';
}

/** Decides what a count at the shelf means. */
export const stockItem = defineDecider({
  name: 'StockItem',
  events: {
    // Topic and fields are those of the first version of the demo, whose rows are read like new ones.
    Counted: event<ItemCountedData>({ topic: ITEM_COUNTED }),
    Stepped: event<ItemSteppedData>({ topic: ITEM_STEPPED }),
  },
  commands: {
    /** So many lie there; recorded also when that confirms the last count. Who counts knows of so many. */
    Count: command<CountOccasion & { readonly quantity: number; readonly knownQuantity: number }>(),
    /** So many more or fewer. */
    CountStep: command<CountOccasion & { readonly change: number }>(),
  },
  initialState: (): StockItemState => ({ quantity: undefined, countedAt: undefined, countedBy: undefined }),
  decide: {
    Count: ({ data: { quantity, knownQuantity, lastStocktakeQuantity, ...occasion } }, state) => {
      if (!Number.isInteger(quantity) || quantity < 0 || quantity > QUANTITY_MAX) {
        throw new CommandError(`A quantity is a whole number from 0 to ${QUANTITY_MAX}, and not ${quantity}.`);
      }
      const previousQuantity = state.quantity ?? lastStocktakeQuantity;
      // Of two who have found the same, both are right.
      if (previousQuantity !== knownQuantity && previousQuantity !== quantity) {
        throw new CountedMeanwhileError(`${knownQuantity} were known of, and ${previousQuantity} are there by now.`);
      }
      return { type: 'Counted', data: { ...occasion, quantity, previousQuantity } };
    },
    CountStep: ({ data: { change, lastStocktakeQuantity, ...occasion } }, state) => {
      const previousQuantity = state.quantity ?? lastStocktakeQuantity;
      // Below zero there is nothing: a step that leads there counts 0, and one that changes nothing is not recorded.
      const fitting = onShelf(previousQuantity + change) - previousQuantity;
      return fitting === 0 ? [] : { type: 'Stepped', data: { ...occasion, change: fitting, previousQuantity } };
    },
  },
  evolve: {
    Counted: (_state, { data: { quantity, countedAt, countedBy } }): StockItemState => ({
      quantity,
      countedAt,
      countedBy,
    }),
    // Of the demo's first versions, it may lead further than it did when it was decided.
    Stepped: (state, { data: { change, previousQuantity, countedAt, countedBy } }): StockItemState => ({
      quantity: onShelf((state.quantity ?? previousQuantity) + change),
      countedAt,
      countedBy,
    }),
  },
});

function onShelf(quantity: number): number {
  return Math.min(Math.max(quantity, 0), QUANTITY_MAX);
}

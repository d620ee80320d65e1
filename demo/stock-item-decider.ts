/**
 * A stock item, as far as one device counts it.
 *
 * @module
 */
import { command, CommandError, defineDecider, event } from 'daybook/application';
import { ITEM_COUNTED } from './stock-events.js';
import type { ItemCountedData } from './stock-events.js';

/** Largest quantity that is taken: more is a slip of the finger. */
export const QUANTITY_MAX = 99_999;

/** What both commands say about the item and the moment. */
export interface CountOccasion extends Pick<ItemCountedData, 'sku' | 'name' | 'countedAt'> {
  /** What the last stocktake found: stands until the item is counted. */
  readonly lastStocktakeQuantity: number;
}

/** Where the count of an item stands. */
export interface StockItemState {
  /** Undefined until it is counted for the first time. */
  readonly quantity: number | undefined;
}

/** Decides what a count at the shelf means. */
export const stockItem = defineDecider({
  name: 'StockItem',
  events: {
    // Topic and fields are those of the first version of the demo, whose rows are read like new ones.
    Counted: event<ItemCountedData>({ topic: ITEM_COUNTED }),
  },
  commands: {
    /** So many lie there; recorded also when that confirms the last count. */
    Count: command<CountOccasion & { readonly quantity: number }>(),
    /** So many more or fewer. Relative, so that of two tabs that are counted in at once neither step is lost. */
    CountStep: command<CountOccasion & { readonly change: number }>(),
  },
  initialState: (): StockItemState => ({ quantity: undefined }),
  decide: {
    Count: ({ data: { quantity, ...occasion } }, state) => {
      if (!Number.isInteger(quantity) || quantity < 0 || quantity > QUANTITY_MAX) {
        throw new CommandError(`A quantity is a whole number from 0 to ${QUANTITY_MAX}, and not ${quantity}.`);
      }
      return counted(occasion, quantity, state);
    },
    CountStep: ({ data: { change, ...occasion } }, state) => {
      const before = lastQuantity(occasion, state);
      // Below zero there is nothing: a step that leads there counts 0, and one that changes nothing is not recorded.
      const quantity = Math.min(Math.max(before + change, 0), QUANTITY_MAX);
      return quantity === before ? [] : counted(occasion, quantity, state);
    },
  },
  evolve: {
    Counted: (_state, { data }): StockItemState => ({ quantity: data.quantity }),
  },
});

function counted(
  occasion: CountOccasion,
  quantity: number,
  state: StockItemState,
): { readonly type: 'Counted'; readonly data: ItemCountedData } {
  const { sku, name, countedAt } = occasion;
  return {
    type: 'Counted',
    data: { sku, name, quantity, previousQuantity: lastQuantity(occasion, state), countedAt },
  };
}

function lastQuantity({ lastStocktakeQuantity }: CountOccasion, { quantity }: StockItemState): number {
  return quantity ?? lastStocktakeQuantity;
}

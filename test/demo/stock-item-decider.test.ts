import { CommandError } from 'daybook/application';
import { deciderSpecification } from 'daybook/testing';
import { describe, expect, it } from 'vitest';
import { QUANTITY_MAX, stockItem } from '../../demo/stock-item-decider.js';

const OCCASION = {
  sku: 'BLT-0840',
  name: 'Hex bolts',
  countedAt: '2026-02-03T04:05:06.000Z',
  lastStocktakeQuantity: 36,
};
const { lastStocktakeQuantity: _stocktake, ...RECORDED } = OCCASION;

const counted = (quantity: number, previousQuantity: number) => ({
  type: 'Counted' as const,
  data: { ...RECORDED, quantity, previousQuantity },
});
const count = (quantity: number) => ({ type: 'Count' as const, data: { ...OCCASION, quantity } });
const step = (change: number) => ({ type: 'CountStep' as const, data: { ...OCCASION, change } });

describe('stockItem', () => {
  it('counts for the first time from the last stocktake, and then from the last count', () => {
    deciderSpecification(stockItem)
      .given([])
      .when(count(12))
      .then([counted(12, 36)]);
    deciderSpecification(stockItem)
      .given([counted(12, 36)])
      .when(step(1))
      .then([counted(13, 12)])
      .thenState({ quantity: 13 });
  });

  it('records a count that confirms the last one, but no step that changes nothing', () => {
    deciderSpecification(stockItem)
      .given([counted(0, 36)])
      .when(count(0))
      .then([counted(0, 0)]);
    deciderSpecification(stockItem)
      .given([counted(0, 36)])
      .when(step(-1))
      .then([]);
    deciderSpecification(stockItem)
      .given([counted(QUANTITY_MAX, 36)])
      .when(step(1))
      .then([]);
  });

  it('steps no further than there is room', () => {
    deciderSpecification(stockItem)
      .given([])
      .when(step(-40))
      .then([counted(0, 36)]);
    deciderSpecification(stockItem)
      .given([counted(QUANTITY_MAX - 1, 36)])
      .when(step(5))
      .then([counted(QUANTITY_MAX, QUANTITY_MAX - 1)]);
  });

  it.each([-1, 1.5, QUANTITY_MAX + 1, Number.NaN])('takes no quantity of %d', (quantity) => {
    deciderSpecification(stockItem).given([]).when(count(quantity)).thenThrows(CommandError);
  });

  it('keeps the topic that the first version of the demo recorded under', () => {
    expect(stockItem.events['Counted']?.topic).toBe('stock:Item.Counted');
  });
});

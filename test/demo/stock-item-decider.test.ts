import { CommandError } from 'daybook/application';
import { deciderSpecification } from 'daybook/testing';
import { describe, expect, it } from 'vitest';
import type { Counter } from '../../demo/stock-events.js';
import { CountedMeanwhileError, QUANTITY_MAX, stockItem } from '../../demo/stock-item-decider.js';

const ANA: Counter = { deviceId: '3f1d6c1e-6f0b-4a52-8a3e-5a2f0c9d7b11', name: 'Ana' };
const OCCASION = {
  sku: 'BLT-0840',
  name: 'Hex bolts',
  countedBy: ANA,
  countedAt: '2026-02-03T04:05:06.000Z',
  lastStocktakeQuantity: 36,
};
const { lastStocktakeQuantity: _stocktake, ...RECORDED } = OCCASION;

const counted = (quantity: number, previousQuantity: number) => ({
  type: 'Counted' as const,
  data: { ...RECORDED, quantity, previousQuantity },
});
const stepped = (change: number, previousQuantity: number) => ({
  type: 'Stepped' as const,
  data: { ...RECORDED, change, previousQuantity },
});
const count = (quantity: number, knownQuantity: number) => ({
  type: 'Count' as const,
  data: { ...OCCASION, quantity, knownQuantity },
});
const step = (change: number) => ({ type: 'CountStep' as const, data: { ...OCCASION, change } });
const stands = (quantity: number) => ({ quantity, countedAt: OCCASION.countedAt, countedBy: ANA });

describe('stockItem', () => {
  it('counts for the first time from the last stocktake, and then from the last count', () => {
    deciderSpecification(stockItem)
      .given([])
      .when(count(12, 36))
      .then([counted(12, 36)]);
    deciderSpecification(stockItem)
      .given([counted(12, 36)])
      .when(step(1))
      .then([stepped(1, 12)])
      .thenState(stands(13));
    deciderSpecification(stockItem)
      .given([])
      .when(step(-2))
      .then([stepped(-2, 36)])
      .thenState(stands(34));
  });

  it('takes steps that were decided without each other', () => {
    deciderSpecification(stockItem)
      .given([stepped(1, 36), stepped(1, 36), stepped(-3, 36)])
      .when(count(35, 35))
      .then([counted(35, 35)]);
    deciderSpecification(stockItem)
      .given([counted(1, 36), stepped(-1, 1), stepped(-1, 1)])
      .when(step(1))
      .then([stepped(1, 0)])
      .thenState(stands(1));
  });

  it('records a count that confirms the last one, but no step that changes nothing', () => {
    deciderSpecification(stockItem)
      .given([counted(0, 36)])
      .when(count(0, 0))
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
      .then([stepped(-36, 36)]);
    deciderSpecification(stockItem)
      .given([counted(QUANTITY_MAX - 1, 36)])
      .when(step(5))
      .then([stepped(1, QUANTITY_MAX - 1)]);
  });

  it('takes of two counts that know nothing of each other the first, and the other one only if it has found the same', () => {
    deciderSpecification(stockItem)
      .given([counted(38, 36)])
      .when(count(34, 36))
      .thenThrows(CountedMeanwhileError);
    deciderSpecification(stockItem)
      .given([stepped(2, 36)])
      .when(count(34, 36))
      .thenThrows(CountedMeanwhileError);
    deciderSpecification(stockItem)
      .given([counted(34, 36)])
      .when(count(34, 36))
      .then([counted(34, 34)]);
  });

  it.each([-1, 1.5, QUANTITY_MAX + 1, Number.NaN])('takes no quantity of %d', (quantity) => {
    deciderSpecification(stockItem).given([]).when(count(quantity, 36)).thenThrows(CommandError);
  });

  it('reads counts of the first version of the demo, which do not say whose they are', () => {
    expect(stockItem.events['Counted']?.topic).toBe('stock:Item.Counted');
    const { countedBy: _by, ...old } = counted(30, 36).data;
    deciderSpecification(stockItem)
      .given([{ type: 'Counted', data: old }])
      .when(count(31, 30))
      .then([counted(31, 30)]);
  });
});

import { describe, expect, it } from 'vitest';
import type { StockEntry } from '../../demo/stock-entries.js';
import { setAsideOffer } from '../../demo/stock-sheet.js';

const BASE = { notificationId: 1, sku: 'a', name: 'Screws', at: new Date(0), by: undefined };
const counted = (quantity: number): StockEntry => ({ ...BASE, kind: 'counted', quantity, previousQuantity: 36 });
const stepped = (change: number): StockEntry => ({
  ...BASE,
  kind: 'stepped',
  quantity: 36 + change,
  previousQuantity: 36,
});
const asked: StockEntry = { ...BASE, kind: 'recount-asked', expectedQuantity: 36, countedQuantity: 360 };

describe('what is offered of what was set aside', () => {
  it.each<[string, readonly StockEntry[], object | undefined]>([
    ['a quantity', [counted(12)], { kind: 'quantity', quantity: 12 }],
    [
      'the last quantity, with what was stepped since',
      [stepped(5), counted(12), counted(14), stepped(-2), stepped(1)],
      { kind: 'quantity', quantity: 13 },
    ],
    ['no less than nothing', [counted(1), stepped(-1), stepped(-1)], { kind: 'quantity', quantity: 0 }],
    ['the sum of steps', [stepped(2), stepped(-5)], { kind: 'change', change: -3 }],
    ['nothing of steps that come to nothing', [stepped(1), stepped(-1)], undefined],
    ['nothing of recounts', [asked], undefined],
    ['a quantity beside recounts', [counted(360), asked], { kind: 'quantity', quantity: 360 }],
  ])('is %s', (_what, entries, offer) => {
    if (offer === undefined) expect(setAsideOffer(entries)).toBeUndefined();
    else expect(setAsideOffer(entries)).toMatchObject(offer);
  });
});

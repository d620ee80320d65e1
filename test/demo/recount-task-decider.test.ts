import { inMemoryApplication, deciderSpecification, processSpecification } from 'daybook/testing';
import { send } from 'daybook/application';
import { describe, expect, it } from 'vitest';
import { recountNeeded } from '../../demo/recount-process.js';
import { isFarOff, recountTask } from '../../demo/recount-task-decider.js';
import { recountOriginatorId } from '../../demo/stock-events.js';
import { STOCK_ITEMS } from '../../demo/stock-items.js';

const DEVICE_ID = '3f1d6c1e-6f0b-4a52-8a3e-5a2f0c9d7b11';
const ITEM = { sku: 'BLT-0840', name: 'Hex bolts', countedBy: { deviceId: DEVICE_ID, name: 'Ana' } };
const AT = '2026-02-03T04:05:06.000Z';
const ITEM_ID = STOCK_ITEMS[0]!.id;
const TASK_ID = recountOriginatorId(ITEM_ID);

const review = (expectedQuantity: number, countedQuantity: number) => ({
  type: 'ReviewCount' as const,
  data: { ...ITEM, expectedQuantity, countedQuantity, countedAt: AT },
});
const asked = (expectedQuantity: number, countedQuantity: number) => ({
  type: 'Asked' as const,
  data: { ...ITEM, expectedQuantity, countedQuantity, askedAt: AT },
});
const done = (quantity: number) => ({ type: 'Done' as const, data: { ...ITEM, quantity, doneAt: AT } });

describe('isFarOff', () => {
  it.each([
    [36, 36, false],
    [36, 40, false],
    [36, 43, false],
    [36, 44, true],
    [36, 28, true],
    [36, 360, true],
    [120, 143, false],
    [120, 144, true],
    [9, 5, false],
    [9, 4, true],
    [0, 4, false],
    [0, 5, true],
    [5, 0, true],
  ])('expected %d, counted %d: %s', (expected, counted, far) => {
    expect(isFarOff(expected, counted)).toBe(far);
  });
});

describe('recountTask', () => {
  it('is asked for when a count is far from what was expected', () => {
    deciderSpecification(recountTask)
      .given([])
      .when(review(36, 360))
      .then([asked(36, 360)])
      .thenState({ status: 'asked', expectedQuantity: 36, countedQuantity: 360, askedAt: AT });
    deciderSpecification(recountTask).given([]).when(review(36, 38)).then([]);
  });

  it('is done when the recount confirms the count', () => {
    deciderSpecification(recountTask)
      .given([asked(36, 360)])
      .when(review(360, 358))
      .then([done(358)])
      .thenState({ status: 'settled' });
  });

  it('is done when the recount finds what was expected: the count was a slip', () => {
    deciderSpecification(recountTask)
      .given([asked(36, 360)])
      .when(review(360, 36))
      .then([done(36)]);
  });

  it('is asked for again when the recount agrees with neither', () => {
    deciderSpecification(recountTask)
      .given([asked(36, 360)])
      .when(review(360, 80))
      .then([asked(36, 80)])
      .thenState({ status: 'asked', expectedQuantity: 36, countedQuantity: 80, askedAt: AT });
  });

  it('begins anew after it was done', () => {
    deciderSpecification(recountTask)
      .given([asked(36, 360), done(36)])
      .when(review(36, 3))
      .then([asked(36, 3)]);
  });
});

describe('recountNeeded', () => {
  const counted = (previousQuantity: number, quantity: number) => ({
    type: 'Counted',
    originatorId: ITEM_ID,
    data: { ...ITEM, previousQuantity, quantity, countedAt: AT },
  });

  it('has a count reviewed that is hard to believe, and no other', async () => {
    const { repository } = inMemoryApplication({ aggregates: [recountTask] });
    const specification = processSpecification(recountNeeded(DEVICE_ID), repository);
    await specification.when(counted(36, 360)).then([send(recountTask, TASK_ID, review(36, 360))]);
    await specification.when(counted(36, 37)).thenNothing();
  });

  it('leaves the counts of other devices to these', async () => {
    const { repository } = inMemoryApplication({ aggregates: [recountTask] });
    await processSpecification(recountNeeded(crypto.randomUUID()), repository).when(counted(36, 360)).thenNothing();
  });

  it('has every count reviewed while a recount is open', async () => {
    const application = inMemoryApplication({ aggregates: [recountTask] });
    await application.append(recountTask, TASK_ID, [asked(36, 360)]);
    await processSpecification(recountNeeded(DEVICE_ID), application.repository)
      .when(counted(360, 361))
      .then([send(recountTask, TASK_ID, review(360, 361))]);
  });
});

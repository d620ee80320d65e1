/**
 * The process between counts and recounts.
 *
 * @module
 */
import { defineProcess, send } from 'daybook/application';
import type { Process } from 'daybook/application';
import { isFarOff, recountTask } from './recount-task-decider.js';
import { recountOriginatorId } from './stock-events.js';
import { stockItem } from './stock-item-decider.js';

/** A count that is hard to believe, or that answers an open recount, goes to the item's recounts. */
export const recountNeeded: Process = defineProcess({
  name: 'recount-needed',
  from: [stockItem],
  on: {
    Counted: async ({ originatorId, data }, { repository }) => {
      const { sku, name, previousQuantity: expectedQuantity, quantity: countedQuantity, countedAt } = data;
      const taskId = recountOriginatorId(originatorId);
      const { state } = await repository.loadOrCreate(recountTask, taskId);
      // Most counts are neither: to leave them out here saves a commit for each.
      if (state.status === 'settled' && !isFarOff(expectedQuantity, countedQuantity)) return [];
      const review = { sku, name, expectedQuantity, countedQuantity, countedAt };
      return [send(recountTask, taskId, { type: 'ReviewCount', data: review })];
    },
  },
});

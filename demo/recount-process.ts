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

/**
 * A count that is hard to believe, or that answers an open recount, goes to the item's recounts. Every device runs this
 * and sees the counts of all, so each reacts to its own: what follows from a count is to follow once.
 *
 * Run it with `follows: 'confirmed'`: nobody is sent to a shelf because of a count that may still be decided again.
 */
export function recountNeeded(deviceId: string): Process {
  return defineProcess({
    name: 'recount-needed',
    from: [stockItem],
    on: {
      Counted: async ({ originatorId, data }, { repository }) => {
        const { sku, name, countedBy, countedAt } = data;
        const { previousQuantity: expectedQuantity, quantity: countedQuantity } = data;
        if (countedBy?.deviceId !== deviceId) return [];
        const taskId = recountOriginatorId(originatorId);
        const { state } = await repository.loadOrCreate(recountTask, taskId);
        // Most counts are neither: to leave them out here saves a commit for each.
        if (state.status === 'settled' && !isFarOff(expectedQuantity, countedQuantity)) return [];
        const review = { sku, name, countedBy, expectedQuantity, countedQuantity, countedAt };
        return [send(recountTask, taskId, { type: 'ReviewCount', data: review })];
      },
    },
  });
}

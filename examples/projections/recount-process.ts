import { command, defineDecider, defineProcess, event, send } from 'daybook/application';
import { UUID } from 'daybook';
import { stockItem } from './stock-item.js';

export const recountTask = defineDecider({
  name: 'RecountTask',
  events: { Asked: event<{ itemId: string }>(), Done: event() },
  commands: { Ask: command<{ itemId: string }>(), Finish: command() },
  initialState: () => ({ isOpen: false }),
  decide: {
    Ask: ({ data }, { isOpen }) => (isOpen ? [] : { type: 'Asked', data }),
    Finish: (_command, { isOpen }) => (isOpen ? { type: 'Done', data: {} } : []),
  },
  evolve: {
    Asked: () => ({ isOpen: true }),
    Done: () => ({ isOpen: false }),
  },
});

/** One task for each item, found by the item: so it does not matter how often it is asked for. */
export function taskIdOf(itemId: string): string {
  return UUID.fromName(UUID.NAMESPACE_URL, `/recount-tasks/${itemId}`).toString();
}

/** Whoever sells more than there is, has counted wrong: somebody should count again. A count ends the task. */
export const recountNeeded = defineProcess({
  name: 'recount-needed',
  from: [stockItem],
  on: {
    Sold: async ({ originatorId, originatorVersion }, { repository }) => {
      const { state } = await repository.load(stockItem, originatorId, { version: originatorVersion });
      if (state.quantity >= 0) return [];
      return [send(recountTask, taskIdOf(originatorId), { type: 'Ask', data: { itemId: originatorId } })];
    },
    Counted: ({ originatorId }) => [send(recountTask, taskIdOf(originatorId), { type: 'Finish', data: {} })],
  },
});

import { command, defineDecider, event } from 'daybook/application';

export const stockItem = defineDecider({
  name: 'StockItem',
  events: { Counted: event<{ quantity: number }>(), Sold: event<{ quantity: number }>() },
  commands: { Count: command<{ quantity: number }>(), Sell: command<{ quantity: number }>() },
  initialState: () => ({ quantity: 0 }),
  decide: {
    Count: ({ data }, state) => (data.quantity === state.quantity ? [] : { type: 'Counted', data }),
    Sell: ({ data }) => ({ type: 'Sold', data }),
  },
  evolve: {
    Counted: (_state, { data }) => ({ quantity: data.quantity }),
    Sold: (state, { data }) => ({ quantity: state.quantity - data.quantity }),
  },
});

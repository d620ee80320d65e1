import { command, defineDecider, event } from 'daybook/application';
import type { Application } from 'daybook/application';

export const basket = defineDecider({
  name: 'Basket',
  events: { ItemAdded: event<{ article: string }>(), Ordered: event<{ order: string }>() },
  commands: { AddItem: command<{ article: string }>(), Order: command<{ order: string }>() },
  initialState: () => ({ articles: [] as readonly string[], isOrdered: false }),
  decide: {
    AddItem: ({ data }) => ({ type: 'ItemAdded', data }),
    Order: ({ data }, { isOrdered }) => (isOrdered ? [] : { type: 'Ordered', data }),
  },
  evolve: {
    ItemAdded: (state, { data }) => ({ ...state, articles: [...state.articles, data.article] }),
    Ordered: (state) => ({ ...state, isOrdered: true }),
  },
});

/** Orders what is in a basket, and takes it out of the stock, which is a table of the application's own. */
export async function orderBasket(app: Application, basketId: string, order: string): Promise<readonly string[]> {
  return await app.transaction(
    async (tx) => {
      const { state } = await tx.execute(basket, basketId, { type: 'Order', data: { order } });
      for (const article of state.articles) {
        const { rows } = await tx.query(
          'UPDATE stock SET items = items - 1 WHERE article = $1 AND items > 0 RETURNING items',
          [article],
        );
        if (rows.length === 0) throw new Error(`${article} is sold out`);
      }
      return state.articles;
    },
    { retry: { attemptsMax: 5 } },
  );
}

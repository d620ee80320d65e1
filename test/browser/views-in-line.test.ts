/** Views in line, in the commit of a page, across the boundary to the worker. */
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event, InlineProjection, sqlProjection } from 'daybook/application';
import { newOriginatorId } from 'daybook/testing';
import { expect, test } from 'vitest';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { newStoreName, openStore } from './open-store.js';

interface Quantity {
  readonly quantity: number;
}

const shelf = defineDecider({
  name: 'Shelf',
  events: { Counted: event<Quantity>() },
  commands: { Count: command<Quantity>() },
  initialState: () => ({ quantity: 0 }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (_state, { data }) => data },
});

const counts = sqlProjection({
  name: 'counts',
  from: [shelf],
  tables: { counts: (table) => `CREATE TABLE ${table} (item TEXT PRIMARY KEY, quantities TEXT NOT NULL)` },
  on: {
    Counted: async ({ originatorId, data }, { query, tables }) => {
      await query(
        `INSERT INTO ${tables.counts} VALUES ($1, $2)
          ON CONFLICT (item) DO UPDATE SET quantities = quantities || ' ' || excluded.quantities`,
        [originatorId, String(data.quantity)],
      );
    },
  },
});

async function open(name = newStoreName()): Promise<{ readonly store: Daybook; readonly app: Application }> {
  const store = await openStore(name);
  const { recorder } = store;
  let app: Application | undefined = undefined;
  const view = new InlineProjection({
    ...{ projection: counts, recorder },
    decode: (notification) => (app as unknown as Application).decode(notification),
  });
  await view.setUp();
  app = new Application({ recorder, aggregates: [shelf], inline: [view], keepCommands: true });
  return { store, app };
}

const viewOf = async ({ query }: Daybook, item: string): Promise<unknown> =>
  (await query('SELECT quantities FROM counts WHERE item = $1', [item])).rows[0]?.['quantities'];

test('a view goes back with what gives way, in the commit of the page, and so it is in every tab', async () => {
  const item = newOriginatorId();
  const theirs = await open();
  for (const quantity of [5, 7]) await theirs.app.execute(shelf, item, { type: 'Count', data: { quantity } });
  const [first, second] = await theirs.store.recorder.selectEvents(item);
  const name = newStoreName();
  const { store, app } = await open(name);
  const other = await openStore(name);
  const { recorder } = store;
  const pages = await LogPages.after(recorder);
  await app.changeUnits(recorder, (units) => units.insertPage(pages.next({ events: [first!] })));
  expect(await viewOf(store, item)).toBe('5');
  await app.execute(shelf, item, { type: 'Count', data: { quantity: 9 } });
  expect(await viewOf(store, item)).toBe('5 9');
  const page = pages.next({ events: [second!] });
  const { superseded } = await app.changeUnits(recorder, (units) => units.insertPage(page, { superseding: 'decide' }));
  expect(await viewOf(store, item)).toBe('5 9');
  const { decided, units: told } = await app.decideAgain(superseded!);
  const outcome = await app.changeUnits(recorder, (units) =>
    units.insertPage(page, { superseding: 'decide', decided }),
  );
  expect(outcome).toMatchObject({ isStored: true, setAside: [] });
  expect(told).toMatchObject([
    {
      ...{ outcome: 'unchanged', others: [{ type: 'Counted', data: { quantity: 7 } }] },
      message: 'Count was decided again, because others were first (Counted), and came to the same.',
    },
  ]);
  expect(await viewOf(store, item)).toBe('5 7 9');
  await expect.poll(() => viewOf(other, item)).toBe('5 7 9');
});

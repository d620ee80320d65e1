/** States in a browser: tables of the store itself, seen by every tab. */
import { openDaybook } from 'daybook';
import { defineState, SqlStateStore } from 'daybook/states';
import { keptStateCases, stateSearchCases, stateStoreCases, stateTransferCases } from 'daybook/testing';
import { expect, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const { recorder, close } = await openDaybook({ name: newStoreName() }).then((daybook) => ({
      recorder: daybook.recorder,
      close: () => daybook.close(),
    }));
    return { context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }) }, close };
  },
  {
    states: stateStoreCases,
    'states that are searched': stateSearchCases,
    'states kept from events': keptStateCases,
    'files of states': stateTransferCases,
  },
);

test('a state that one tab has put is found by another, and after both were closed', async () => {
  const name = newStoreName();
  const notes = defineState<{ text: string }>({
    name: 'notes',
    schema: {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { text: string } }) },
    },
    indexes: ['text'],
  });
  const statesOf = async (): Promise<SqlStateStore> => {
    const { recorder } = await openStore(name);
    const states = new SqlStateStore({ recorder, states: [notes] });
    await states.setUp();
    return states;
  };
  const [mine, other] = [await statesOf(), await statesOf()];
  await mine.put(notes, 'a', { text: 'first' });
  await expect.poll(() => other.count(notes, { text: 'first' }), { timeout: 10_000 }).toBe(1);
  await other.update(notes, 'a', { text: 'second' }, { version: 1 });
  await expect(mine.update(notes, 'a', { text: 'third' }, { version: 1 })).rejects.toMatchObject({
    code: 'STATE_CONFLICT',
    details: { expected: 1, actual: 2 },
  });
  const later = await statesOf();
  expect(await later.find(notes, { where: { text: { startsWith: 'sec' } } })).toEqual([
    { id: 'a', version: 2, data: { text: 'second' } },
  ]);
});

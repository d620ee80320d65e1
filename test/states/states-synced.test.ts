/** States of stores that are synchronised: what is kept from events goes back with them, and comes with those of others. */
import { afterEach, expect, test } from 'vitest';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import { stateOf } from '../../src/states/state.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { thingState } from '../../src/testing/conformance/state-samples.js';
import { stock, StockPerson } from '../support/stock-people.js';
import { closeScenes, Scene } from '../support/sync-scene.js';

const stocks = stateOf(stock, { name: 'stocks', indexes: ['free'] });
const empty = stateOf(stock, { name: 'empty', map: ({ name, free }) => (free > 0 ? undefined : { name }) });
const notes = thingState();
const people: StockPerson[] = [];

async function join(scene: Scene): Promise<{ readonly person: StockPerson; readonly states: SqlStateStore }> {
  let states: SqlStateStore | undefined;
  const person = await StockPerson.of(scene, async ({ inside }, decode) => {
    states = new SqlStateStore({ recorder: inside, states: [stocks, empty, notes] });
    await states.setUp();
    return { inline: [states.inline(decode)] };
  });
  people.push(person);
  return { person, states: states as unknown as SqlStateStore };
}

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

test('a state is of what is decided again, and the same on every device', async () => {
  const scene = await Scene.open();
  const [anna, bert] = [await join(scene), await join(scene)];
  const [id, other] = [newOriginatorId(), newOriginatorId()];
  await anna.person.do(id, 'Receive', { quantity: 5 });
  for (const { person } of [anna, bert]) {
    await person.synchronise();
    await person.offline();
  }
  expect(await bert.states.fetch(stocks, id)).toEqual({ id, version: 1, data: { name: '', free: 5 } });

  // Both take the rest of one item, and each writes of another and by hand.
  await anna.person.do(id, 'Reserve', { quantity: 3 });
  await bert.person.do(id, 'ReserveRest', {});
  await bert.person.do(other, 'Receive', { quantity: 1 });
  await bert.states.put(notes, id, { name: 'mine' });
  expect(await bert.states.find(empty)).toEqual([{ id, version: 2, data: { name: '' } }]);
  await anna.person.synchronise();
  await bert.person.synchronise();

  const decided = { id, version: 3, data: { name: '', free: 0 } };
  expect(await bert.states.fetch(stocks, id)).toEqual(decided);
  expect((await bert.states.fetch(notes, id))?.data.name).toBe('mine');
  await anna.person.synchronise();
  for (const { states } of [anna, bert]) {
    expect(await states.find(stocks, { orderBy: 'free' })).toEqual([
      decided,
      { id: other, version: 1, data: { name: '', free: 1 } },
    ]);
    expect(await states.find(empty)).toEqual([{ id, version: 3, data: { name: '' } }]);
  }
});

test('a state that nothing is left of goes with what was set aside', async () => {
  const scene = await Scene.open();
  const [anna, bert] = [await join(scene), await join(scene)];
  const id = newOriginatorId();
  await anna.person.do(id, 'Receive', { quantity: 5 });
  for (const { person } of [anna, bert]) {
    await person.synchronise();
    await person.offline();
  }
  await anna.person.do(id, 'Reserve', { quantity: 4 });
  await bert.person.do(id, 'Reserve', { quantity: 5 });
  expect((await bert.states.find(empty)).map((found) => found.id)).toEqual([id]);
  await anna.person.synchronise();
  await bert.person.synchronise();
  // There is one left: Bert's command says no.
  expect(await bert.states.find(empty)).toEqual([]);
  expect(await bert.states.fetch(stocks, id)).toEqual({ id, version: 2, data: { name: '', free: 1 } });
});

/** An event index of a store that is synchronised: whatever becomes of the events, it has those that are there. */
import { afterEach, describe, expect, test } from 'vitest';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { StockPerson } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

interface Indexed {
  readonly person: StockPerson;
  readonly index: SqlEventIndex;
}

const people: StockPerson[] = [];

async function join(scene: Scene): Promise<Indexed> {
  let index: SqlEventIndex | undefined;
  const person = await StockPerson.of(scene, async ({ inside }) => {
    index = new SqlEventIndex({ recorder: inside });
    await index.createTables();
    return { eventIndex: index };
  });
  people.push(person);
  return { person, index: index as unknown as SqlEventIndex };
}

/** Two who hold the same, and have been synchronised before. */
async function opened(): Promise<{ scene: Scene; anna: Indexed; bert: Indexed; id: string }> {
  const scene = await Scene.open();
  const id = newOriginatorId();
  const [anna, bert] = [await join(scene), await join(scene)];
  await anna.person.do(id, 'Receive', { quantity: 5 });
  for (const { person } of [anna, bert]) {
    await person.synchronise();
    await person.offline();
  }
  return { scene, anna, bert, id };
}

async function expectIndexed(...which: readonly Indexed[]): Promise<void> {
  for (const { person, index } of which) {
    const all = await person.tab.inside.selectNotifications({ start: 1, limit: 1_000 });
    const entries = await index.find({ limit: 1_000 });
    expect(entries.map((entry) => [entry.notificationId, entry.aggregateId, entry.aggregateVersion])).toEqual(
      all.map((one) => [one.id, one.originatorId, one.originatorVersion]),
    );
    const read: number[] = [];
    for await (const { notificationId } of person.app.readAll({ actorId: 'anna' })) read.push(notificationId);
    expect(read).toEqual(all.map((one) => one.id));
  }
}

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

describe('an index', () => {
  test('has what others have recorded, with the page', async () => {
    const { anna, bert, id } = await opened();
    await expectIndexed(anna, bert);
    await anna.person.do(id, 'Reserve', { quantity: 2 });
    await anna.person.synchronise();
    await bert.person.synchronise();
    expect(await bert.index.find({ eventType: 'Reserved' })).toHaveLength(1);
    await expectIndexed(anna, bert);
  });

  test('has what was decided again, and not what it was before', async () => {
    const { anna, bert, id } = await opened();
    await anna.person.do(id, 'Reserve', { quantity: 3 });
    await bert.person.do(id, 'ReserveRest');
    const [before] = await bert.index.find({ eventType: 'Reserved' });
    await anna.person.synchronise();
    await bert.person.synchronise();
    expect(bert.person.rebased).toMatchObject([{ outcome: 'changed' }]);
    expect(await bert.index.hasEvent(before!.eventId)).toBe(false);
    await anna.person.synchronise();
    await expectIndexed(anna, bert);
  });

  test('has nothing of what was set aside, and all of what is tried again', async () => {
    const { anna, bert, id } = await opened();
    await anna.person.do(id, 'Reserve', { quantity: 4 });
    const tooMuch = await bert.person.do(id, 'Reserve', { quantity: 3 });
    await anna.person.synchronise();
    await bert.person.synchronise();
    expect(await bert.index.find({ eventType: 'Reserved' })).toHaveLength(1);
    await expectIndexed(bert);
    await anna.person.do(id, 'Receive', { quantity: 4 });
    await anna.person.synchronise();
    await bert.person.synchronise();
    const { app, tab } = bert.person;
    const { decided } = await app.decideAgain(await tab.inside.selectSuperseded([tooMuch]));
    expect(await app.changeUnits(tab.inside, (units) => units.decide(decided))).toBe(true);
    expect(await bert.index.find({ eventType: 'Reserved' })).toHaveLength(2);
    await expectIndexed(bert);
  });

  test('has moved events at their versions', async () => {
    const { anna, bert, id } = await opened();
    await anna.person.do(id, 'Receive', { quantity: 1 });
    await bert.person.do(id, 'Receive', { quantity: 2 });
    await anna.person.synchronise();
    await bert.person.synchronise();
    await anna.person.synchronise();
    await expectIndexed(anna, bert);
  });

  test('follows a log that is set back and healed', async () => {
    const { scene, anna, bert, id } = await opened();
    const restore = scene.log.backup();
    await anna.person.do(id, 'Reserve', { quantity: 2 });
    await anna.person.synchronise();
    await bert.person.synchronise();
    await bert.person.do(id, 'Reserve', { quantity: 1 });
    await bert.person.synchronise();
    restore();
    const carl = await join(scene);
    await carl.person.do(newOriginatorId(), 'Name', { name: 'nails' });
    await carl.person.synchronise();
    for (const one of [bert, anna, carl, bert, anna]) {
      await one.person.synchronise();
      await expectIndexed(one);
    }
  });

  test('catches up with pages that were stored without the application', async () => {
    const { anna, bert, id } = await opened();
    await bert.person.do(id, 'ReserveRest');
    await anna.person.do(id, 'Reserve', { quantity: 5 });
    await anna.person.synchronise();
    await bert.person.synchronise({ alone: true });
    expect(await bert.index.catchUp(bert.person.app)).toEqual({ added: 1, unreadable: 0 });
    await expectIndexed(bert);
  });
});

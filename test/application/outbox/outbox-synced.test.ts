/** An outbox of a store that is synchronised: what others are told of is on the server, once. */
import { afterEach, describe, expect, test } from 'vitest';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import type { SqlOutboxOptions } from '../../../src/application/outbox/sql-outbox.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { StockPerson } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

const people: StockPerson[] = [];
const outboxes = new Map<StockPerson, SqlOutbox>();

async function join(scene: Scene, follows?: SqlOutboxOptions['follows']): Promise<StockPerson> {
  let outbox: SqlOutbox | undefined;
  const person = await StockPerson.of(scene, async ({ inside }) => {
    outbox = new SqlOutbox({ recorder: inside, follows });
    await outbox.createTables();
    return { inline: [outbox] };
  });
  people.push(person);
  outboxes.set(person, outbox as SqlOutbox);
  return person;
}

/** What goes out now, in its order. */
async function published(person: StockPerson): Promise<string[]> {
  const outbox = outboxes.get(person) as SqlOutbox;
  const lease = { leaseId: crypto.randomUUID(), nowMs: 1, leaseUntilMs: 2, limit: 100 };
  const entries = await outbox.claim(lease);
  await outbox.settle(
    lease.leaseId,
    entries.map(({ id }) => ({ id, kind: 'published', publishedAtMs: 1 })),
  );
  const events = await Promise.all(entries.map((entry) => entry.event()));
  return events.map(({ type, data }) => `${type} ${JSON.stringify(data)}`);
}

async function opened(follows?: SqlOutboxOptions['follows']): Promise<{
  readonly scene: Scene;
  readonly anna: StockPerson;
  readonly bert: StockPerson;
  readonly id: string;
}> {
  const scene = await Scene.open();
  const id = newOriginatorId();
  const [anna, bert] = [await join(scene, follows), await join(scene, follows)];
  await anna.do(id, 'Receive', { quantity: 5 });
  for (const person of [anna, bert]) await online(person);
  return { scene, anna, bert, id };
}

async function online(person: StockPerson): Promise<void> {
  await person.synchronise();
  await person.offline();
}

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  outboxes.clear();
  await closeScenes();
});

describe('an outbox of a store that is synchronised', () => {
  test('lets go what the server has, once, and of nobody else', async () => {
    const { anna, bert, id } = await opened();
    expect(await published(anna)).toEqual(['Received {"quantity":5}']);
    await bert.do(id, 'Reserve', { quantity: 2 });
    expect(await published(bert)).toEqual([]);
    await online(bert);
    expect(await published(bert)).toEqual(['Reserved {"quantity":2}']);
    await online(anna);
    expect([await published(anna), await published(bert)]).toEqual([[], []]);
  });

  test('lets go what a unit came to, and not what it was', async () => {
    const { anna, bert, id } = await opened();
    await published(anna);
    await anna.do(id, 'Reserve', { quantity: 3 });
    await bert.do(id, 'ReserveRest');
    await online(anna);
    await online(bert);
    expect(bert.rebased).toMatchObject([{ outcome: 'changed' }]);
    expect(await published(bert)).toEqual(['Reserved {"quantity":2}']);
    expect(await (outboxes.get(bert) as SqlOutbox).counts()).toEqual({ pending: 0, published: 1, failed: 0 });
  });

  test('lets go nothing of what was set aside, given up or not, and all of what is tried again', async () => {
    const { anna, bert, id } = await opened();
    await anna.do(id, 'Reserve', { quantity: 4 });
    const [later, never] = [
      await bert.do(id, 'Reserve', { quantity: 3 }),
      await bert.do(id, 'Reserve', { quantity: 2 }),
    ];
    await online(anna);
    await online(bert);
    expect(await bert.tab.inside.discardSetAside([never])).toEqual([never]);
    expect(await published(bert)).toEqual([]);
    await anna.do(id, 'Receive', { quantity: 2 });
    await online(anna);
    await online(bert);
    await bert.app.setAside.retry(later);
    expect(await published(bert)).toEqual([]);
    await online(bert);
    expect(await published(bert)).toEqual(['Reserved {"quantity":3}']);
  });

  test('also where pages were stored by somebody without the application', async () => {
    const { anna, bert, id } = await opened();
    await anna.do(id, 'Reserve', { quantity: 4 });
    const his = await bert.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await bert.synchronise({ alone: true });
    await bert.offline();
    expect(await bert.tab.inside.discardSetAside([his])).toEqual([his]);
    expect(await published(bert)).toEqual([]);
  });

  test('what went out before there was a server does not go out again', async () => {
    const scene = await Scene.open();
    const anna = await join(scene);
    const id = newOriginatorId();
    await anna.do(id, 'Receive', { quantity: 5 });
    expect(await published(anna)).toEqual(['Received {"quantity":5}']);
    await anna.do(id, 'Reserve', { quantity: 1 });
    await online(anna);
    expect(await published(anna)).toEqual(['Reserved {"quantity":1}']);
  });

  test('tentative: lets go what is recorded, at once', async () => {
    const { bert, id } = await opened('tentative');
    await bert.do(id, 'Reserve', { quantity: 2 });
    expect(await published(bert)).toEqual(['Reserved {"quantity":2}']);
  });

  test('confirmed: waits for the server, also where none has been heard of', async () => {
    const scene = await Scene.open();
    const anna = await join(scene, 'confirmed');
    await anna.do(newOriginatorId(), 'Receive', { quantity: 5 });
    expect(await published(anna)).toEqual([]);
    await online(anna);
    expect(await published(anna)).toEqual(['Received {"quantity":5}']);
  });
});

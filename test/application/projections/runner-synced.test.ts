/** Runners of views in stores that are synchronised: who waits, what fails, what is built anew. */
import { afterEach, describe, expect, test } from 'vitest';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { ProjectionRunnerOptions } from '../../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { readStockView, StockPerson, stockView } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

type Options = Partial<ProjectionRunnerOptions<unknown>>;

const view = stockView('shown');
const people: StockPerson[] = [];
const runners: { close(): Promise<void> }[] = [];

async function join(scene: Scene): Promise<StockPerson> {
  const person = await StockPerson.of(scene);
  people.push(person);
  return person;
}

function run(person: StockPerson, options: Options = {}, projection = view): ProjectionRunner<unknown> {
  const store = new SqlProjectionStore(person.tab.inside, projection);
  const runner = new ProjectionRunner({ projection, store, log: person.app, ...options });
  runners.push(runner);
  return runner;
}

async function online(person: StockPerson): Promise<void> {
  await person.synchronise();
  await person.offline();
}

async function opened(): Promise<{ readonly anna: StockPerson; readonly bert: StockPerson; readonly id: string }> {
  const scene = await Scene.open();
  const id = newOriginatorId();
  const [anna, bert] = [await join(scene), await join(scene)];
  await anna.do(id, 'Receive', { quantity: 5 });
  for (const person of [anna, bert]) await online(person);
  return { anna, bert, id };
}

afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.close();
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

describe('a runner in a store that is synchronised', () => {
  test('tentative: holds what one has just recorded, also after it was decided again', async () => {
    const { anna, bert, id } = await opened();
    const runner = run(bert);
    await runner.start();
    await bert.do(id, 'ReserveRest');
    const last = await bert.tab.inside.maxNotificationId();
    await runner.waitFor(last);
    expect(await readStockView(bert.tab.inside, 'shown')).toMatchObject({ free: {} });
    await anna.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await online(bert);
    expect(await bert.tab.inside.maxNotificationId()).toBeGreaterThan(last);
    await runner.waitFor(await bert.tab.inside.maxNotificationId());
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected());
    expect(runner.status.value).toMatchObject({ lag: 0, deadLetters: 0 });
  });

  test('confirmed: who waits for what was decided again waits until that is confirmed', async () => {
    const { anna, bert, id } = await opened();
    const runner = run(bert, { follows: 'confirmed' });
    await runner.start();
    await bert.do(id, 'ReserveRest');
    const last = await bert.tab.inside.maxNotificationId();
    await expect(runner.waitFor(last, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' });
    const reached = runner.waitFor(last, { timeoutMs: 20_000 });
    await anna.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await online(bert);
    await reached;
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected('confirmed'));
    expect((await bert.events('confirmed')).at(-1)).toMatchObject({ type: 'Reserved', data: { quantity: 2 } });
  });

  test('a dead letter of a pending event goes with it; one that is tried again is in the view, whatever gives way later', async () => {
    const { anna, bert, id } = await opened();
    let refuses = true;
    const failing = {
      ...view,
      handle: (...given: Parameters<typeof view.handle>) => {
        if (refuses && given[0].type === 'Named') throw new RangeError('of a user');
        return view.handle(...given);
      },
    };
    const runner = run(bert, { onFailure: { attemptsMax: 1 } }, failing);
    const [named, other] = [newOriginatorId(), newOriginatorId()];
    await bert.do(named, 'Name', { name: 'nails' });
    await bert.do(other, 'Name', { name: 'screws' });
    await bert.do(id, 'ReserveRest');
    await runner.catchUp();
    expect(await runner.deadLetters.list()).toHaveLength(2);
    const [letter] = await runner.deadLetters.list();
    refuses = false;
    expect(await runner.deadLetters.retry(letter!.notificationId, 'anna')).toBe(true);
    await anna.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await online(bert);
    await runner.catchUp();
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected());
    expect(await runner.deadLetters.list()).toEqual([]);
  });

  test('that is to retry waits at an event that is rejected, and passes over nothing', async () => {
    const { bert, id } = await opened();
    let refuses = true;
    const failing = {
      ...view,
      handle: (...given: Parameters<typeof view.handle>) => {
        if (refuses && given[0].type === 'Named') throw new RangeError('of a user');
        return view.handle(...given);
      },
    };
    const runner = run(bert, { onFailure: { attemptsMax: 1, then: 'retry' } }, failing);
    await bert.do(newOriginatorId(), 'Name', { name: 'nails' });
    await bert.do(id, 'ReserveRest');
    const rejected = { code: 'OPERATIONAL_ERROR', cause: expect.any(RangeError) as Error };
    await expect(runner.catchUp()).rejects.toMatchObject(rejected);
    expect(await runner.deadLetters.list()).toEqual([]);
    refuses = false;
    await runner.catchUp();
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected());
  });

  test('is built anew beside the one in use, with its tail, which can be taken back then, too', async () => {
    const { anna, bert, id } = await opened();
    await run(bert).catchUp();
    await bert.do(id, 'ReserveRest');
    const runner = run(bert, { batchEventsMax: 1 });
    await runner.rebuild();
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected());
    await anna.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await online(bert);
    await runner.catchUp();
    expect(await readStockView(bert.tab.inside, 'shown')).toEqual(await bert.expected());
  });

  test('of a log without units cannot be told to follow what is confirmed', async () => {
    const { bert } = await opened();
    const { log: sections, decode } = bert.app;
    const log = { recorder: { selectNotifications: sections.select, maxNotificationId: async () => 0 }, decode };
    expect(() => run(bert, { follows: 'confirmed', log: log })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });
});

/** Projections and processes in the browser: views in the store's own tables, tracking in its journal. */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { ProjectionRunner, SqlProjectionStore } from 'daybook/application';
import type { SqlView } from 'daybook/application';
import { CountingWorld, newOriginatorId, processCases, projectionCases, projectionRaceCases } from 'daybook/testing';
import { expect, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';

const ENGINE = 'the durable store in its worker, through Comlink';

describeConformance(
  ENGINE,
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    return { context: { recorder: daybook.recorder }, close: () => daybook.close() };
  },
  { projections: projectionCases, 'projections at once': projectionRaceCases },
);

describeConformance(
  ENGINE,
  async () => {
    const stores: Daybook[] = [];
    const openRecorder = async (): Promise<Daybook['recorder']> => {
      const daybook = await openDaybook({ name: newStoreName() });
      stores.push(daybook);
      return daybook.recorder;
    };
    const close = async (): Promise<void> => {
      await Promise.all(stores.map((store) => store.close()));
    };
    return { context: { openRecorder }, close };
  },
  { processes: processCases },
);

test('two tabs that run one projection count every event once, and both read the same view', async () => {
  const name = newStoreName();
  const tabs = await Promise.all([openStore(name), openStore(name)]);
  const recorders = tabs.map(({ recorder }) => recorder);
  const [mine, other] = recorders as [(typeof recorders)[0], (typeof recorders)[0]];
  const world = new CountingWorld(mine);
  const projection = world.sums();
  const runners = tabs.map((daybook, index) => {
    const recorder = recorders[index] as (typeof recorders)[0];
    return new ProjectionRunner({
      projection,
      store: new SqlProjectionStore(recorder, projection),
      log: { ...world.quietLog, recorder, onRecorded: (listener) => daybook.onRecorded(listener) },
      batchEventsMax: 3,
    });
  });
  for (const runner of runners) await runner.start();
  const things = Array.from({ length: 4 }, newOriginatorId);
  let last = 0;
  for (const thing of things) last = await world.find(thing, 1, 2, 3, 4, 5);
  await Promise.all(runners.map((runner) => runner.waitFor(last)));
  const expected = Object.fromEntries(things.sort().map((thing) => [thing, [15, 5]]));
  expect(await world.readSums(mine)).toEqual(expected);
  expect(await world.readSums(other)).toEqual(expected);
  for (const runner of runners) await runner.close();
});

test('a tab of an old release stops, and the view stays that of the tab with the new one', async () => {
  const name = newStoreName();
  const [oldTab, newTab] = await Promise.all([openStore(name), openStore(name)]);
  const world = new CountingWorld(oldTab.recorder);
  const release = (daybook: Daybook, factor: number): ProjectionRunner<SqlView> => {
    const { recorder } = daybook;
    const sums = world.sums(undefined, factor);
    const added = `by_${factor}_${world.name}`;
    const create = (table: string): string => `CREATE TABLE ${table} (n BIGINT NOT NULL)`;
    const projection = { ...sums, tables: { ...sums.tables, [added]: create } };
    return new ProjectionRunner<SqlView>({
      projection,
      store: new SqlProjectionStore(recorder, projection),
      log: { ...world.quietLog, recorder, onRecorded: (listener) => daybook.onRecorded(listener) },
    });
  };
  const thing = newOriginatorId();
  const old = release(oldTab, 1);
  await old.start();
  await old.waitFor(await world.find(thing, 1));
  const present = release(newTab, 10);
  await present.start();
  await present.waitFor(await world.find(thing, 2));
  await present.rebuild();
  const last = await world.find(thing, 3);
  await expect(old.waitFor(2 ** 40)).rejects.toMatchObject({
    code: 'FOLLOWER_STOPPED',
    cause: { code: 'PROJECTION_REPLACED' },
  });
  await expect(release(oldTab, 1).catchUp()).rejects.toMatchObject({ code: 'PROJECTION_REPLACED' });
  await expect(release(oldTab, 1).rebuild()).rejects.toMatchObject({ code: 'PROJECTION_REPLACED' });
  await present.waitFor(last);
  // Another tab hears of it a moment later.
  await expect.poll(() => world.readSums(oldTab.recorder), { timeout: 10_000 }).toEqual({ [thing]: [60, 3] });
  expect(present.status.value.lastError).toBeUndefined();
  for (const runner of [old, present]) await runner.close();
});

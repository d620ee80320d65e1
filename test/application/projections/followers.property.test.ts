/**
 * Views that follow in each way, and an index of the events, on devices of people who work offline, conflict, try again, and synchronise with a server
 * that is set back: all of them are the same in the end, and at each step, as what the events come to in their order.
 */
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { toIndexedEvent } from '../../../src/application/event-index/event-index.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import type { NotifiedEvent } from '../../../src/application/events/notified-event.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { memoryProjection } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { OwnRebase } from '../../../src/persistence/sqlite/own-tables/own-rebase.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { foldStock, readStockView, stock, StockPerson, stockView } from '../../support/stock-people.js';
import type { StockRows } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

type Line = Parameters<typeof foldStock>[0][number];

const memory = memoryProjection({
  name: 'memory',
  from: [stock],
  initialState: (): readonly Line[] => [],
  on: {
    Received: (lines, event) => [...lines, event],
    Reserved: (lines, event) => [...lines, event],
    Named: (lines, event) => [...lines, event],
  },
});

const RUNS = Number(process.env['FOLLOWERS_RUNS'] ?? 6);
const RUNNERS = ['confirmed', 'undo', 'rebuild'] as const;
const IN_LINE = ['undo', 'rebuild'] as const;

class Device {
  readonly person: StockPerson;
  readonly #inMemory = new MemoryProjectionStore(memory);
  readonly #runners: readonly { catchUp(): Promise<void>; close(): Promise<void> }[];
  /** Whether in-line views have seen what the store has: not after somebody has stored pages without the application. */
  isInLine = true;
  /** The same of the index, which does not come to others' events by a commit. */
  isIndexed = true;
  readonly #index: SqlEventIndex;

  private constructor(person: StockPerson, index: SqlEventIndex) {
    this.person = person;
    this.#index = index;
    const { app, tab } = person;
    // Few events at once, so that a transaction does not have them all.
    const options = { log: app, batchEventsMax: 3 };
    this.#runners = [
      ...RUNNERS.map((follows) => {
        const projection = stockView(`${follows}_runner`);
        const store = new SqlProjectionStore(tab.inside, projection);
        return new ProjectionRunner({ ...options, projection, store, follows });
      }),
      new ProjectionRunner({ ...options, projection: memory, store: this.#inMemory }),
    ];
  }

  static async of(scene: Scene): Promise<Device> {
    let eventIndex: SqlEventIndex | undefined;
    const person = await StockPerson.of(scene, async ({ inside }, decode) => {
      eventIndex = new SqlEventIndex({ recorder: inside, textOf: ({ type }) => type });
      await eventIndex.createTables();
      const inline = IN_LINE.map(
        (follows) =>
          new InlineProjection({ projection: stockView(`${follows}_inline`), recorder: inside, decode, follows }),
      );
      for (const projection of inline) await projection.setUp();
      return { inline, eventIndex };
    });
    return new Device(person, eventIndex as unknown as SqlEventIndex);
  }

  /** The index has every event that there is, and nothing else. */
  async #expectIndexed(): Promise<void> {
    const { app, tab } = this.person;
    if (!this.isIndexed) await this.#index.catchUp(app);
    this.isIndexed = true;
    const all = await tab.inside.selectNotifications({ start: 1, limit: 10_000 });
    const events = await Promise.all(all.map((notification) => app.decode(notification)));
    const found = await this.#index.find({ limit: 10_000 });
    expect(found).toEqual(events.map((event) => toIndexedEvent(event)));
    const read: NotifiedEvent[] = [];
    for await (const event of app.readAll({ actorId: 'anna' })) read.push(event);
    expect(read).toEqual(events);
    const { rows } = await tab.inside.query('SELECT notification_id FROM event_index_words ORDER BY 1');
    expect(rows.map((row) => row['notification_id'])).toEqual(all.map(({ id }) => id));
  }

  async expectViews(): Promise<void> {
    const all = await this.person.expected('all');
    const views: Record<string, StockRows> = {};
    const expected: Record<string, StockRows> = {};
    const { inside } = this.person.tab;
    for (const name of IN_LINE) {
      if (!this.isInLine) break;
      views[`${name} in line`] = await readStockView(inside, `${name}_inline`);
      expected[`${name} in line`] = all;
    }
    for (const runner of this.#runners) await runner.catchUp();
    for (const name of RUNNERS) {
      views[name] = await readStockView(inside, `${name}_runner`);
      expected[name] = name === 'confirmed' ? await this.person.expected('confirmed') : all;
    }
    views['memory'] = foldStock(this.#inMemory.state);
    expected['memory'] = all;
    expect(views).toEqual(expected);
    await this.#expectIndexed();
  }

  /** Tries again what was set aside, or gives it up. */
  async settle(isGivenUp: boolean): Promise<void> {
    const { app, tab } = this.person;
    const aside = await tab.inside.selectSetAside(0, { eventsMax: 100, bytesMax: 1e6 });
    const ids = aside.filter(({ command }) => command !== undefined).map(({ id }) => id);
    if (ids.length === 0) return;
    if (isGivenUp) await tab.inside.discardSetAside(ids);
    else {
      const { decided } = await app.decideAgain(await tab.inside.selectSuperseded(ids));
      await app.changeUnits(tab.inside, (units) => units.decide(decided));
    }
  }

  async close(): Promise<void> {
    await this.person.offline();
    for (const runner of this.#runners) await runner.close();
  }
}

const devices: Device[] = [];

async function everybodyLeaves(): Promise<void> {
  for (const device of devices.splice(0)) await device.close();
  await closeScenes();
}

afterEach(async () => {
  vi.restoreAllMocks();
  await everybodyLeaves();
});

const action = fc.record({
  device: fc.nat({ max: 2 }),
  item: fc.nat({ max: 2 }),
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('Receive', 'Reserve', 'ReserveRest', 'Name') },
    { weight: 3, arbitrary: fc.constant('synchronise') },
    { weight: 1, arbitrary: fc.constantFrom('alone', 'tryAgain', 'giveUp', 'backUp', 'setBack') },
  ),
  quantity: fc.integer({ min: 1, max: 4 }),
} as const);

/** @param looksAt - after each so many steps */
const agreement = (
  looksAt: number,
): fc.IAsyncPropertyWithHooks<[(typeof action extends fc.Arbitrary<infer A> ? A : never)[]]> =>
  fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
    try {
      const scene = await Scene.open();
      for (let left = 3; left > 0; left--) devices.push(await Device.of(scene));
      const items = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
      const all = [...devices];
      let restore = scene.log.backup();
      for (const [step, { device: index, item, what, quantity }] of actions.entries()) {
        const device = all[index] as Device;
        const { person } = device;
        if (what === 'synchronise' || what === 'alone') {
          await person.synchronise({ alone: what === 'alone' });
          // What is recorded from now on is pending until the next time.
          await person.offline();
          if (what === 'alone') device.isInLine = device.isIndexed = false;
        } else if (what === 'backUp') restore = scene.log.backup();
        else if (what === 'setBack') restore();
        else if (what === 'tryAgain' || what === 'giveUp') {
          await device.settle(what === 'giveUp');
        } else {
          const data = what === 'Name' ? { name: `${quantity}` } : { quantity };
          const before = await person.tab.inside.maxNotificationId();
          await person.do(items[item] as string, what as 'Name', data).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'COMMAND_ERROR' });
          });
          // What was recorded has brought them up.
          device.isInLine ||= (await person.tab.inside.maxNotificationId()) > before;
        }
        if (step % looksAt === 0) await device.expectViews();
      }
      // The last one's word reaches the first one in the second round.
      for (const { person } of [...all, ...all]) await person.synchronise();
      for (const [index, device] of all.entries()) {
        // The last thing that brings in-line views up where pages were stored without them.
        if (!device.isInLine) await device.person.do(newOriginatorId(), 'Name', { name: `last ${index}` });
        device.isInLine = true;
      }
      for (const { person } of [...all, ...all]) await person.synchronise();
      for (const { person } of all) await person.offline();
      for (const device of all) await device.expectViews();
      const [first, ...others] = await Promise.all(all.map(({ person }) => person.expected('confirmed')));
      for (const other of others) expect(other).toEqual(first);
    } finally {
      await everybodyLeaves();
    }
  });

test(
  'views that follow in whatever way are what the events come to, at each step and in the end',
  async () => {
    await fc.assert(agreement(2), { numRuns: RUNS });
  },
  RUNS * 10_000,
);

test('a view whose pending part is not taken back is found', async () => {
  vi.spyOn(OwnRebase.prototype, 'putBackRows').mockResolvedValue(undefined);
  const outcome = await fc.check(agreement(5), { numRuns: 20, endOnFailure: true });
  expect(outcome.failed).toBe(true);
}, 120_000);

/**
 * Many devices whose people decide on one aggregate at once: each with a store, an application and the real synchronisation, a
 * stream of news included, over a network whose times a seed says.
 */
import { afterEach, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { RebasedUnit } from '../../../src/application/commands/rebased-unit.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { startSync } from '../../../src/sync/tabs/start-sync.js';
import type { Sync } from '../../../src/sync/tabs/start-sync-options.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { SeededRandom } from '../../soak/seeded-random.js';
import { stock } from '../../support/stock-people.js';
import type { StockCommand } from '../../support/stock-people.js';
import { closeScenes, Scene, SceneStore } from '../../support/sync-scene.js';
import type { SceneTab } from '../../support/sync-scene.js';

afterEach(closeScenes);

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const WRITERS = 10;
const COMMANDS = 10;
// One way, at the most.
const WAY_MS_MAX = 20;
const PUSHES_MAX = WRITERS * COMMANDS;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Writer {
  readonly rebased: RebasedUnit[] = [];
  pushes = 0;
  /** What happens before the next push reaches the server. */
  beforePush: () => Promise<unknown> = async () => undefined;
  readonly app: Application;
  readonly tab: SceneTab;
  readonly sync: Sync;

  constructor(scene: Scene, tab: SceneTab, random: SeededRandom) {
    this.tab = tab;
    this.app = new Application({
      ...{ recorder: tab.inside, aggregates: [stock], keepCommands: true },
      onRecorded: (listener) => tab.store.onRecorded(listener),
    });
    const way = (): Promise<void> =>
      new Promise((resolve) => void scene.clock.schedule(resolve, 1 + Math.floor(random.next() * WAY_MS_MAX)));
    this.sync = startSync<RebasedUnit>({
      ...{ store: tab.store, application: this.app, url: 'http://books.test', getToken: () => 'secret' },
      ...{ clock: scene.clock, random: () => random.next() },
      onRebased: (units) => this.rebased.push(...units),
      fetch: async (input, init) => {
        await way();
        if ((input as string).endsWith('/push')) {
          this.pushes++;
          await this.beforePush();
        }
        const response = await scene.fetch(input, init);
        await way();
        return response;
      },
    });
  }

  async do(id: string, type: StockCommand, data: object = {}): Promise<void> {
    // What comes from the server meanwhile is decided on.
    await this.app.execute(stock, id, { type, data } as never, { retry: { attemptsMax: 20 } });
  }

  isThrough(position: number): boolean {
    const { state, pending, position: at } = this.sync.status.value;
    return state === 'live' && pending === 0 && at >= position;
  }
}

class Crowd {
  readonly scene: Scene;
  readonly writers: readonly Writer[];

  private constructor(scene: Scene, writers: readonly Writer[]) {
    this.scene = scene;
    this.writers = writers;
  }

  /** All have the aggregate, with so much of it. */
  static async open(count: number, id: string, quantity: number, seed: number): Promise<Crowd> {
    const scene = await Scene.open();
    const random = new SeededRandom(seed);
    const writers: Writer[] = [];
    for (let index = 0; index < count; index++) {
      writers.push(new Writer(scene, await scene.openTab(new SceneStore(newOriginatorId())), random));
    }
    const crowd = new Crowd(scene, writers);
    await writers[0]!.do(id, 'Receive', { quantity });
    await crowd.until(() => writers.every((writer) => writer.isThrough(1)));
    for (const writer of writers) writer.pushes = 0;
    return crowd;
  }

  /** Lets time pass. What is computed takes none. */
  async until(isOver: () => boolean | Promise<boolean>): Promise<void> {
    for (let ms = 0; !(await isOver()); ms++) {
      if (ms > 120_000) throw new Error('It has not come to its end within two minutes of the scene.');
      this.scene.clock.advance(1);
      for (let turns = 0; turns < 4; turns++) await turn();
    }
  }

  async close(): Promise<void> {
    for (const { sync } of this.writers) await sync.close();
  }

  async reserved(id: string): Promise<number> {
    const page = await this.scene.log.page('0', { eventsMax: 10_000, bytesMax: 1e9 });
    const events = page!.units.flatMap((unit) => unit.events.filter(({ originatorId }) => originatorId === id));
    return events.filter(({ topic }) => topic.endsWith('Reserved')).length;
  }
}

test('ten people decide ten times each on one aggregate, and all of it comes through, in fewer pushes than there are commands', async () => {
  const id = newOriginatorId();
  const crowd = await Crowd.open(WRITERS, id, 1_000, SEED);
  await Promise.all(
    crowd.writers.map(async (writer) => {
      for (let count = 0; count < COMMANDS; count++) await writer.do(id, 'Reserve', { quantity: 1 });
    }),
  );
  const end = 1 + WRITERS * COMMANDS;
  await crowd.until(() =>
    crowd.writers.every((writer) => writer.isThrough(end) || writer.sync.status.value.setAside !== 0),
  );
  const about = `seed ${SEED}`;
  for (const { app, sync } of crowd.writers) {
    expect(sync.status.value, about).toMatchObject({ setAside: 0, pending: 0, position: end });
    expect((await app.repository.load(stock, id)).state.free, about).toBe(900);
  }
  expect(await crowd.reserved(id), about).toBe(WRITERS * COMMANDS);
  const pushes = crowd.writers.reduce((sum, writer) => sum + writer.pushes, 0);
  expect(pushes, about).toBeLessThanOrEqual(PUSHES_MAX);
  await crowd.close();
}, 120_000);

test('where there is not enough for all, each is decided: it comes through, or says no', async () => {
  const id = newOriginatorId();
  const crowd = await Crowd.open(4, id, 10, SEED);
  await Promise.all(
    crowd.writers.map(async (writer) => {
      for (let count = 0; count < 5; count++) {
        await writer.do(id, 'Reserve', { quantity: 1 }).catch((error: unknown) => {
          if (!(error instanceof CommandError)) throw error;
        });
      }
    }),
  );
  const isOver = (): boolean => crowd.writers.every((writer) => writer.isThrough(11));
  await crowd.until(isOver);
  const about = `seed ${SEED}`;
  expect(await crowd.reserved(id), about).toBe(10);
  const codes = crowd.writers.flatMap(({ rebased }) => rebased.flatMap(({ reason }) => reason?.code ?? []));
  expect(new Set(codes), about).toEqual(new Set(['COMMAND_ERROR']));
  await crowd.close();
}, 120_000);

test('pages that come before it is sent say nothing of a command; eight pushes in vain, and it is set aside', async () => {
  const id = newOriginatorId();
  const crowd = await Crowd.open(2, id, 1_000, 1);
  const [anna, bert] = crowd.writers as [Writer, Writer];
  const hers = async (): Promise<void> => {
    const { position } = anna.sync.status.value;
    await anna.do(id, 'Reserve', { quantity: 1 });
    while (!anna.isThrough(position + 1)) await turn();
  };
  const passing = async (work: Promise<unknown>): Promise<void> => {
    let isOver = false;
    void work.finally(() => (isOver = true));
    await crowd.until(() => isOver);
    await work;
  };
  bert.sync.pause();
  await bert.do(id, 'Reserve', { quantity: 2 });
  for (let count = 0; count < 12; count++) {
    await passing(hers());
    const { inside } = bert.tab;
    const { cursor } = await inside.syncProgress();
    const page = await crowd.scene.log.page(cursor, { eventsMax: 100, bytesMax: 1e6 });
    const { superseded } = await inside.insertPage(page!, { superseding: 'decide' });
    const { decided } = await bert.app.decideAgain(superseded!);
    expect((await inside.insertPage(page!, { superseding: 'decide', decided })).isStored).toBe(true);
  }
  expect(bert.pushes).toBe(0);
  // From now on she is faster each time.
  let isFaster = 0;
  bert.beforePush = async () => {
    isFaster++;
    await hers();
  };
  bert.sync.resume();
  await crowd.until(() => bert.sync.status.value.setAside === 1);
  expect(isFaster).toBe(8);
  expect(bert.rebased.at(-1)).toMatchObject({ outcome: 'setAside', reason: { code: 'DECISIONS_EXHAUSTED' } });
  // Tried again by hand, it has as many tries again.
  bert.beforePush = async () => undefined;
  const [entry] = await Array.fromAsync(bert.app.setAside.all());
  await bert.app.setAside.retry(entry!.id);
  await crowd.until(() => bert.isThrough(0) && bert.sync.status.value.setAside === 0);
  expect(bert.pushes).toBe(9);
  await crowd.close();
}, 120_000);

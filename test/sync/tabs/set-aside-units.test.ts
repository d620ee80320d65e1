/** What was set aside, as an application reads it, tries it again, gives it up: real applications, stores and servers. */
import { afterEach, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { SetAsideEntry } from '../../../src/application/commands/set-aside-entry.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { command, event } from '../../../src/domain/message-types.js';
import { retriedUnitId } from '../../../src/persistence/derived-unit-id.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { createSyncServer } from '../../../src/server/sync-server.js';
import type { AuthorizePush } from '../../../src/server/unit-authority.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ScenePerson } from '../../support/scene-person.js';
import { closeScenes, Scene, SceneStore } from '../../support/sync-scene.js';

/** Pending again, as it was or as something else. */
const DECIDED = expect.stringMatching(/changed$/) as string;

const stock = defineDecider({
  name: 'Stock',
  events: { Received: event<{ quantity: number }>(), Reserved: event<{ quantity: number }>() },
  commands: { Receive: command<{ quantity: number }>(), Reserve: command<{ quantity: number }>() },
  initialState: () => ({ free: 0 }),
  decide: {
    Receive: ({ data }) => ({ type: 'Received', data }),
    Reserve: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
      return { type: 'Reserved', data };
    },
  },
  evolve: {
    Received: ({ free }, { data }) => ({ free: free + data.quantity }),
    Reserved: ({ free }, { data }) => ({ free: free - data.quantity }),
  },
});

const appOn = (recorder: ConstructorParameters<typeof Application>[0]['recorder']): Application =>
  new Application({ recorder, aggregates: [stock], keepCommands: true });

class Person extends ScenePerson {
  readonly store: SceneStore;

  private constructor(scene: Scene, store: SceneStore, tab: ScenePerson['tab']) {
    super(scene, tab, appOn(tab.inside));
    this.store = store;
  }

  static async of(scene: Scene, store = new SceneStore(newOriginatorId())): Promise<Person> {
    const person = new Person(scene, store, await scene.openTab(store));
    people.push(person);
    return person;
  }

  async do(id: string, type: 'Receive' | 'Reserve', quantity: number): Promise<UnitId> {
    const unit = { id: crypto.randomUUID() };
    await this.app.execute(stock, id, { type, data: { quantity } }, { unit, metadata: { actorId: 'bert' } });
    return unit.id;
  }

  async free(id: string): Promise<number> {
    return (await this.app.repository.load(stock, id)).state.free;
  }

  async entries(app = this.app): Promise<readonly SetAsideEntry[]> {
    return (await app.setAside.list()).entries;
  }
}

const people: Person[] = [];

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

/** Anna and Bert hold five of something, and are offline. */
async function opened(): Promise<{ scene: Scene; anna: Person; bert: Person; id: string }> {
  const scene = await Scene.open();
  const [anna, bert] = [await Person.of(scene), await Person.of(scene)];
  const id = newOriginatorId();
  await anna.do(id, 'Receive', 5);
  for (const person of [anna, bert]) {
    await person.synchronise();
    await person.offline();
  }
  return { scene, anna, bert, id };
}

/** Anna has reserved four of the five before Bert's three: his are set aside. */
async function tooLate(): Promise<{ scene: Scene; anna: Person; bert: Person; id: string; his: UnitId }> {
  const open = await opened();
  await open.anna.do(open.id, 'Reserve', 4);
  const his = await open.bert.do(open.id, 'Reserve', 3);
  await open.anna.synchronise();
  await open.bert.synchronise();
  return { ...open, his };
}

/** A server of the same log that says no to what it is told to. */
function refusing(scene: Scene, people: readonly Person[], authorizePush: AuthorizePush): void {
  const server = createSyncServer({ unitLog: scene.log, tokens: ['secret'], authorizePush });
  for (const person of people) person.fetch = async (input, init) => await server.fetch(new Request(input, init));
}

const NO = { code: 'STAFF_ONLY', message: 'Only staff may write that.' };

describe('the list of what was set aside', () => {
  test('says in every tab what it was, why, and what was asked for', async () => {
    const { scene, bert, id, his } = await tooLate();
    const other = appOn((await scene.openTab(bert.store)).inside);
    for (const app of [bert.app, other]) {
      expect(await bert.entries(app)).toMatchObject([
        {
          ...{ id: his, attempts: 0, isRefused: false, isForeign: false, scopes: [] },
          reason: { code: 'COMMAND_ERROR', message: 'Only 1 are there.' },
          aggregates: [{ aggregateType: 'Stock', aggregateId: id }],
          commands: [{ aggregateType: 'Stock', aggregateId: id, command: { type: 'Reserve', data: { quantity: 3 } } }],
          events: [{ event: { type: 'Reserved', data: { quantity: 3 }, metadata: { actorId: 'bert' } } }],
        },
      ]);
    }
    const [{ setAsideAt } = {}] = await bert.entries();
    expect(setAsideAt).toBeInstanceOf(Date);
  });

  test('is read page by page, and has what cannot be read', async () => {
    const { bert } = await opened();
    const { inside } = bert.tab;
    const ids = [];
    for (let count = 0; count < 5; count++) ids.push(await bert.do(newOriginatorId(), 'Receive', count));
    const strange = {
      originatorId: newOriginatorId(),
      originatorVersion: 1,
      topic: 'Moon',
      state: new Uint8Array([1]),
    };
    ids.push(crypto.randomUUID());
    await inside.insertEvents([strange], { unit: { id: ids.at(-1)!, command: new Uint8Array([1, 2]) } });
    await inside.setAside(ids.map((id) => ({ id, reason: NO })));
    const pages = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await bert.app.setAside.list({ after, limit: 2 });
      pages.push(page.entries.map((entry) => entry.id));
      after = page.next;
    }
    expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    const all = [];
    for await (const entry of bert.app.setAside.all()) all.push(entry);
    expect(all.map((entry) => entry.id)).toEqual(ids);
    expect(all.at(-1)).toMatchObject({
      commands: undefined,
      aggregates: [{ aggregateType: undefined, aggregateId: strange.originatorId }],
      events: [{ stored: strange, event: undefined }],
    });
    await expect(bert.app.setAside.list({ limit: 0 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test('is written down so that it is read without the application', async () => {
    const { bert, id, his } = await tooLate();
    const lines = [];
    for await (const line of bert.app.setAside.export()) lines.push(line);
    expect(lines.every((line) => line.endsWith('\n') && !line.slice(0, -1).includes('\n'))).toBe(true);
    const [head, unit, ...others] = lines.map((line) => JSON.parse(line) as Record<string, never>);
    expect(others).toEqual([]);
    expect(head).toEqual({ format: 'daybook-set-aside', version: 1 });
    expect(unit).toMatchObject({
      ...{ unitId: his, code: 'COMMAND_ERROR', message: 'Only 1 are there.', isRefused: false },
      commands: [{ aggregateType: 'Stock', aggregateId: id, type: 'Reserve', data: { quantity: 3 } }],
      events: [{ aggregateId: id, version: 2, type: 'Reserved', data: { quantity: 3 }, metadata: { actorId: 'bert' } }],
    });
    const [{ stored } = {}] = (await bert.entries())[0]?.events ?? [];
    const [{ state }] = unit?.['events'] as unknown as [{ state: string }];
    expect(Buffer.from(state, 'base64')).toEqual(Buffer.from(stored!.state));
  });

  test('there is none where there are no units', async () => {
    const app = appOn(new MemoryProcessRecorder());
    await expect(app.setAside.list()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(app.setAside.retry(newOriginatorId())).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(app.setAside.discard([newOriginatorId()])).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

describe('what was set aside is tried again', () => {
  test('as it was, in any tab: decided on what is there now, under its id', async () => {
    const { scene, anna, bert, id, his } = await tooLate();
    const other = appOn((await scene.openTab(bert.store)).inside);
    expect(await other.setAside.retry(his)).toMatchObject([
      { id: his, outcome: 'setAside', reason: { message: 'Only 1 are there.' } },
    ]);
    await anna.do(id, 'Receive', 2);
    await anna.synchronise();
    await bert.synchronise();
    expect(await other.setAside.retry(his)).toMatchObject([
      { id: his, as: undefined, outcome: DECIDED, after: [{ data: { quantity: 3 }, originatorVersion: 4 }] },
    ]);
    expect(await other.setAside.retry(his)).toEqual([]);
    const sync = await bert.synchronise();
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 0 });
    expect((await scene.books()).at(-1)?.id).toBe(his);
    expect(await bert.free(id)).toBe(0);
  });

  test('with what stands on it, in their order and in one commit', async () => {
    const { scene, bert } = await opened();
    const id = newOriginatorId();
    const ids = [await bert.do(id, 'Receive', 3), await bert.do(id, 'Reserve', 2)] as const;
    let isAllowed = false;
    refusing(scene, [bert], ({ events }) => isAllowed || events.every(({ topic }) => topic === 'Stock:Reserved') || NO);
    await bert.synchronise();
    expect((await bert.entries()).map((entry) => [entry.id, entry.reason.code])).toEqual([
      [ids[0], 'STAFF_ONLY'],
      [ids[1], 'DEPENDENCY'],
    ]);
    isAllowed = true;
    const before = bert.tab.inside.position;
    const outcomes = await bert.app.setAside.retry([ids[1], ids[0]]);
    expect(bert.tab.inside.position).toBe(before + 1);
    expect(outcomes.map((unit) => [unit.id, unit.as, unit.outcome])).toEqual([
      [ids[0], retriedUnitId(ids[0]), DECIDED],
      [ids[1], undefined, DECIDED],
    ]);
    await bert.synchronise();
    expect((await scene.books()).slice(-2).map((unit) => unit.id)).toEqual([retriedUnitId(ids[0]), ids[1]]);
    expect(await bert.free(id)).toBe(1);
  });

  test('under an id that follows from its own where a server has refused it: once, also by a copy of the device', async () => {
    const { scene, bert } = await opened();
    const id = newOriginatorId();
    const his = await bert.do(id, 'Receive', 3);
    let isAllowed = false;
    refusing(scene, [bert], () => isAllowed || NO);
    await bert.synchronise();
    await bert.offline();
    const copy = await Person.of(scene, bert.store.copied());
    isAllowed = true;
    refusing(scene, [bert, copy], () => true);
    for (const person of [bert, copy]) {
      expect(await person.entries()).toMatchObject([{ id: his, isRefused: true, reason: NO }]);
      expect(await person.app.setAside.retry(his)).toMatchObject([{ id: his, as: retriedUnitId(his) }]);
    }
    for (const person of [bert, copy, bert]) await person.synchronise();
    const books = await scene.books();
    expect(books.filter(({ events }) => events.some(({ originatorId }) => originatorId === id))).toMatchObject([
      { id: retriedUnitId(his) },
    ]);
    for (const person of [bert, copy]) {
      expect(await person.free(id)).toBe(3);
      expect(await person.entries()).toEqual([]);
    }
  });

  test('by another command, which decides it from then on', async () => {
    const { anna, bert, id, his } = await tooLate();
    const commands = [{ aggregateType: 'Stock', aggregateId: id, command: { type: 'Reserve', data: { quantity: 1 } } }];
    expect(await bert.app.setAside.retry(his, { commands })).toMatchObject([
      { id: his, outcome: DECIDED, commands, after: [{ data: { quantity: 1 }, metadata: { actorId: 'bert' } }] },
    ]);
    await bert.offline();
    await anna.do(id, 'Reserve', 1);
    await anna.synchronise();
    await bert.synchronise();
    expect(await bert.entries()).toMatchObject([{ id: his, commands, reason: { message: 'Only 0 are there.' } }]);
  });

  test('by other events, of which nothing says how to decide them', async () => {
    const { anna, bert, id, his } = await tooLate();
    const [entry] = await bert.entries();
    const events = entry!.events.flatMap(({ event: one }) => one ?? []);
    expect(await bert.app.setAside.retry(his, { events })).toMatchObject([
      { id: his, outcome: DECIDED, commands: [], after: [{ data: { quantity: 3 }, originatorVersion: 3 }] },
    ]);
    await bert.offline();
    await anna.do(id, 'Receive', 1);
    await anna.synchronise();
    await bert.synchronise();
    expect(await bert.entries()).toMatchObject([{ id: his, commands: undefined, reason: { code: 'CONFLICT' } }]);
  });

  test('as something that is refused: it stays as it was', async () => {
    const { bert, id, his } = await tooLate();
    const before = await bert.entries();
    const { position } = bert.tab.inside;
    const reserve = { aggregateType: 'Stock', aggregateId: id, command: { type: 'Reserve', data: { quantity: 9 } } };
    for (const [edit, code] of [
      [{ commands: [reserve] }, 'COMMAND_ERROR'],
      [{ commands: [{ ...reserve, aggregateType: 'Moon' }] }, 'COMMAND_UNKNOWN'],
      [{ events: [{ type: 'Sold', data: {} }] }, 'EVENT_HANDLER_ERROR'],
    ] as const) {
      expect(await bert.app.setAside.retry(his, edit)).toMatchObject([{ outcome: 'setAside', reason: { code } }]);
    }
    const twice = bert.app.setAside.retry([his, newOriginatorId()], { events: [] });
    await expect(twice).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(await bert.entries()).toEqual(before);
    expect(bert.tab.inside.position).toBe(position);
  });

  test('which was given up', async () => {
    const { bert, id } = await opened();
    const his = await bert.do(id, 'Reserve', 1);
    const { inside } = bert.tab;
    await inside.setAside([{ id: his, reason: { code: 'CONFLICT', message: '' } }]);
    const givenUp = new Map([[his, { code: 'DECISIONS_EXHAUSTED', message: 'in vain' }]]);
    const { decided, units } = await bert.app.decideAgain(await inside.selectSuperseded([his]), { givenUp });
    expect(decided).toEqual([{ id: his, reason: givenUp.get(his) }]);
    // Whoever is told of it is told what it was.
    expect(units).toMatchObject([{ id: his, outcome: 'setAside', commands: [{ command: { type: 'Reserve' } }] }]);
    expect(await inside.decide(decided)).toBe(true);
    expect(await bert.app.setAside.retry(his)).toMatchObject([{ outcome: DECIDED }]);
  });

  test('not where others have recorded it', async () => {
    const { scene, anna, bert } = await opened();
    await anna.offline();
    const set = scene.log.backup();
    const id = newOriginatorId();
    const hers = await anna.do(id, 'Receive', 2);
    for (const person of [anna, bert]) await person.synchronise();
    for (const person of [anna, bert]) await person.offline();
    set();
    const { inside } = bert.tab;
    await inside.rewind('0');
    const { rewinds } = await inside.syncProgress();
    expect(await inside.endHeal({ rewinds, refused: [hers] })).toBe(true);
    expect((await bert.entries()).filter((entry) => entry.id === hers)).toMatchObject([{ isForeign: true }]);
    await expect(bert.app.setAside.retry(hers)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(await bert.app.setAside.discard(hers)).toEqual([hers]);
  });
});

test('nobody is signed out while something is set aside, until somebody decides about it or says to keep it', async () => {
  const { bert, his } = await tooLate();
  const sync = await bert.synchronise();
  await expect(sync.signOut()).rejects.toMatchObject({ code: 'PENDING_UNITS', details: { setAsideUnits: 1 } });
  expect(await bert.app.setAside.discard([his, newOriginatorId()])).toEqual([his]);
  expect(await bert.entries()).toEqual([]);
  await sync.signOut();
  expect(sync.status.value.state).toBe('paused');
});

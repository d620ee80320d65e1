/** Conflicts that applications decide again: real applications, stores and servers, over a network that a test scripts. */
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { command, event } from '../../../src/domain/message-types.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ScenePerson } from '../../support/scene-person.js';
import { closeScenes, Scene, SceneStore } from '../../support/sync-scene.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

/** Pending again, as it was or as something else. */
const DECIDED = expect.stringMatching(/changed$/) as string;

interface Stock {
  readonly name: string;
  readonly free: number;
}

const stock = defineDecider({
  name: 'Stock',
  events: {
    Named: event<{ name: string }>(),
    Received: event<{ quantity: number }>(),
    Reserved: event<{ quantity: number }>(),
  },
  commands: {
    Name: command<{ name: string }>(),
    Receive: command<{ quantity: number }>(),
    Reserve: command<{ quantity: number }>(),
    ReserveRest: command<object>(),
  },
  initialState: (): Stock => ({ name: '', free: 0 }),
  decide: {
    Name: ({ data }, { name }) => (data.name === name ? [] : { type: 'Named', data }),
    Receive: ({ data }) => ({ type: 'Received', data }),
    Reserve: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
      return { type: 'Reserved', data };
    },
    ReserveRest: (_command, { free }) => (free === 0 ? [] : { type: 'Reserved', data: { quantity: free } }),
  },
  evolve: {
    Named: (state, { data }) => ({ ...state, name: data.name }),
    Received: (state, { data }) => ({ ...state, free: state.free + data.quantity }),
    Reserved: (state, { data }) => ({ ...state, free: state.free - data.quantity }),
  },
});

/** A device with an application of its own, which synchronises when it is told to. */
class Person extends ScenePerson {
  static async of(scene: Scene): Promise<Person> {
    const tab = await scene.openTab(new SceneStore(newOriginatorId()));
    const app = new Application({ recorder: tab.inside, aggregates: [stock], keepCommands: true });
    return new Person(scene, tab, app);
  }

  async do(id: string, type: 'Name' | 'Receive' | 'Reserve' | 'ReserveRest', data: object = {}): Promise<UnitId> {
    const unitId = crypto.randomUUID();
    await this.app.execute(stock, id, { type, data } as never, { unit: { id: unitId }, metadata: { actorId: 'anna' } });
    return unitId;
  }

  async state(id: string): Promise<Stock> {
    return (await this.app.repository.load(stock, id)).state;
  }
}

const people: Person[] = [];

/** People who hold the same stock. */
async function opened(count = 2): Promise<{ scene: Scene; people: readonly Person[]; id: string }> {
  const scene = await Scene.open();
  const id = newOriginatorId();
  for (let left = count; left > 0; left--) people.push(await Person.of(scene));
  const [first, ...others] = people as [Person, ...Person[]];
  await first.do(id, 'Receive', { quantity: 5 });
  for (const person of [first, ...others]) {
    await person.synchronise();
    await person.offline();
  }
  return { scene, people, id };
}

/** The server believes no seal that was made before. */
function withAnotherKey({ log }: Scene): void {
  const heal = log.heal.bind(log);
  vi.spyOn(log, 'heal').mockImplementation((units, sender) =>
    heal(
      units.map((unit) => ({ ...unit, origin: { ...unit.origin, seal: new Uint8Array(17) } })),
      sender,
    ),
  );
}

async function everybodyOffline(): Promise<void> {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
}

afterEach(everybodyOffline);

describe('what others were faster with', () => {
  test('is decided again on what there is, under its id, and told', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    const [hers, his] = [
      await anna!.do(id, 'Reserve', { quantity: 3 }),
      await bert!.do(id, 'Reserve', { quantity: 2 }),
    ];
    await anna!.synchronise();
    const sync = await bert!.synchronise();
    expect(await sync.receipt(his).confirmed()).toMatchObject({ id: his, state: 'confirmed', position: 3 });
    await anna!.synchronise();
    expect((await scene.books()).map((unit) => unit.id).slice(1)).toEqual([hers, his]);
    for (const person of [anna!, bert!]) expect(await person.state(id)).toEqual({ name: '', free: 0 });
    expect(bert!.rebased).toMatchObject([
      {
        ...{ id: his, outcome: DECIDED, reason: undefined },
        commands: [{ aggregateType: 'Stock', aggregateId: id, command: { type: 'Reserve', data: { quantity: 2 } } }],
        before: [{ type: 'Reserved', originatorVersion: 2, metadata: { actorId: 'anna' } }],
        after: [{ type: 'Reserved', originatorVersion: 3, metadata: { actorId: 'anna' } }],
      },
    ]);
    const [rebased] = bert!.rebased;
    expect(rebased?.after[0]?.metadata.occurredAt).toEqual(rebased?.before[0]?.metadata.occurredAt);
    expect(rebased?.after[0]?.metadata.eventId).not.toBe(rebased?.before[0]?.metadata.eventId);
    expect(anna!.rebased).toEqual([]);
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 0 });
  });

  test('a command that says no now is set aside with what it said, and those after it are decided without it', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 4 });
    const [tooMuch, fits] = [
      await bert!.do(id, 'Reserve', { quantity: 3 }),
      await bert!.do(id, 'Reserve', { quantity: 1 }),
    ];
    await anna!.synchronise();
    const sync = await bert!.synchronise();
    expect(await bert!.state(id)).toEqual({ name: '', free: 0 });
    expect(bert!.rebased).toMatchObject([
      { id: tooMuch, outcome: 'setAside', after: [], reason: { code: 'COMMAND_ERROR', message: 'Only 1 are there.' } },
      { id: fits, outcome: DECIDED, reason: undefined },
    ]);
    await expect(sync.receipt(tooMuch).confirmed()).rejects.toMatchObject({ code: 'SET_ASIDE' });
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 1 });
  });

  test('a command that was set aside can be tried again, and given up', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 5 });
    const [later, never] = [
      await bert!.do(id, 'Reserve', { quantity: 2 }),
      await bert!.do(id, 'Reserve', { quantity: 3 }),
    ];
    await anna!.synchronise();
    await bert!.synchronise();
    await anna!.do(id, 'Receive', { quantity: 2 });
    await anna!.synchronise();
    await bert!.synchronise();
    const { recorder } = bert!.tab.store;
    const { decided } = await bert!.app.decideAgain(await recorder.selectSuperseded([later]));
    expect(await recorder.decide(decided)).toBe(true);
    expect(await recorder.discardSetAside([never])).toEqual([never]);
    const sync = await bert!.synchronise();
    expect((await scene.books()).at(-1)?.id).toBe(later);
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 0 });
    expect(await bert!.state(id)).toEqual({ name: '', free: 0 });
  });

  test('a command that has nothing to do any more is withdrawn, and its receipt says so', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Name', { name: 'nails' });
    const same = await bert!.do(id, 'Name', { name: 'nails' });
    await anna!.synchronise();
    const sync = await bert!.synchronise();
    expect(bert!.rebased).toMatchObject([{ id: same, outcome: 'withdrawn', after: [] }]);
    await expect(sync.receipt(same).confirmed()).rejects.toMatchObject({ details: { reason: 'WITHDRAWN' } });
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 0 });
    expect(await scene.books()).toHaveLength(2);
  });

  test('a unit of several aggregates stays whole; what is about others is left as it is', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    const [other, third] = [newOriginatorId(), newOriginatorId()];
    await anna!.do(id, 'Reserve', { quantity: 1 });
    await bert!.app.executeAll(
      [
        [stock, id, { type: 'Reserve', data: { quantity: 2 } }],
        [stock, other, { type: 'Receive', data: { quantity: 2 } }],
      ],
      {},
    );
    const apart = await bert!.do(third, 'Receive', { quantity: 9 });
    await anna!.synchronise();
    await bert!.synchronise();
    expect(bert!.rebased.map((unit) => [unit.outcome, unit.after.length])).toEqual([[DECIDED, 2]]);
    expect(await bert!.state(id)).toMatchObject({ free: 2 });
    const books = await scene.books();
    expect(books.map(({ events }) => events.length).sort()).toEqual([1, 1, 1, 2]);
    // It was not touched: it is in the form in which it was recorded.
    expect(books.find((unit) => unit.id === apart)?.edition).toBeUndefined();
  });

  test('who expected a version has decided on it: nobody decides it again', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 1 });
    await bert!.app.execute(stock, id, { type: 'Reserve', data: { quantity: 1 } }, { expected: 1 });
    await anna!.synchronise();
    const sync = await bert!.synchronise();
    expect(bert!.rebased).toMatchObject([{ outcome: 'setAside', reason: { code: 'CONFLICT' } }]);
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 1 });
  });

  test('what stood on what a server has lost for good is decided again on what it has, and so is what follows', async () => {
    const {
      scene,
      people: [anna, bert],
      id,
    } = await opened();
    const restore = scene.log.backup();
    const theirs = await anna!.do(id, 'Receive', { quantity: 2 });
    for (const person of [anna!, bert!]) {
      await person.synchronise();
      await person.offline();
    }
    const [tooMuch, fits] = [
      await bert!.do(id, 'Reserve', { quantity: 6 }),
      await bert!.do(id, 'Reserve', { quantity: 1 }),
    ];
    const exact = crypto.randomUUID();
    const command = { type: 'Name', data: { name: 'bolts' } } as const;
    await bert!.app.execute(stock, id, command, { unit: { id: exact }, expected: 4 });
    restore();
    withAnotherKey(scene);
    const sync = await bert!.synchronise();
    expect((await scene.books()).map((unit) => unit.id).slice(1)).toEqual([fits]);
    expect(await bert!.state(id)).toEqual({ name: '', free: 4 });
    expect(bert!.rebased).toMatchObject([
      { id: tooMuch, outcome: 'setAside', reason: { code: 'COMMAND_ERROR', message: 'Only 5 are there.' } },
      { id: fits, outcome: DECIDED, reason: undefined },
    ]);
    const aside = await bert!.tab.inside.selectSetAside(0, { eventsMax: 100, bytesMax: 1e6 });
    expect(aside.map((unit) => [unit.id, unit.reason.code])).toEqual([
      [theirs, 'LOST'],
      [tooMuch, 'COMMAND_ERROR'],
      [exact, 'LOST'],
    ]);
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 3 });
  });

  test('a unit is decided once for all that has come, whatever the number of pages', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    for (let count = 0; count < 600; count++) await anna!.do(id, 'Receive', { quantity: 1 });
    const his = await bert!.do(id, 'Reserve', { quantity: 5 });
    await anna!.synchronise();
    await bert!.synchronise();
    expect(bert!.rebased.map((unit) => unit.id)).toEqual([his]);
    expect(bert!.rebased[0]?.after[0]?.originatorVersion).toBe(602);
    expect(await bert!.state(id)).toMatchObject({ free: 600 });
  });

  test('where deciding fails, that is reported, and the unit waits for the next occasion', async () => {
    const {
      people: [anna, bert],
      id,
    } = await opened();
    await anna!.do(id, 'Reserve', { quantity: 1 });
    const his = await bert!.do(id, 'Reserve', { quantity: 2 });
    await anna!.synchronise();
    const errors = uncaughtErrors();
    const decideAgain = vi.spyOn(bert!.app, 'decideAgain').mockRejectedValue(new RangeError('of a user'));
    const sync = await bert!.synchronise();
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 1 });
    expect(new Set(errors.map(String))).toEqual(new Set(['RangeError: of a user']));
    // Who waits for it is not told that it was set aside: it may still be decided.
    const receipt = sync.receipt(his).confirmed();
    decideAgain.mockRestore();
    await bert!.synchronise();
    expect(await receipt).toMatchObject({ id: his, state: 'confirmed' });
    expect(bert!.rebased).toMatchObject([{ id: his, outcome: DECIDED }]);
    expect(sync.status.value).toMatchObject({ pending: 0, setAside: 0 });
  });

  test('where nothing gives way, nobody is asked about it at each page', async () => {
    const {
      people: [anna, bert],
    } = await opened();
    await bert!.synchronise();
    const asked = vi.spyOn(bert!.tab.inside, 'selectSuperseded');
    for (let count = 0; count < 3; count++) {
      await anna!.do(newOriginatorId(), 'Receive', { quantity: 1 });
      await anna!.synchronise();
      await bert!.synchronise();
    }
    expect(asked).not.toHaveBeenCalled();
  });

  test('a command that is not the same when it is read back is refused before anything is stored', async () => {
    const {
      people: [anna],
      id,
    } = await opened();
    const odd = { quantity: 1, at: new Map([[1, 2]]) };
    await expect(anna!.do(id, 'Receive', odd)).rejects.toThrow();
    expect(await anna!.state(id)).toEqual({ name: '', free: 5 });
  });
});

test('people who work offline agree in the end: nothing is lost, and nothing is reserved that is not there', async () => {
  const action = fc.record({
    person: fc.nat({ max: 2 }),
    item: fc.nat({ max: 1 }),
    what: fc.constantFrom('Receive', 'Reserve', 'Reserve', 'ReserveRest', 'Name', 'synchronise', 'synchronise'),
    quantity: fc.integer({ min: 1, max: 4 }),
  } as const);
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      try {
        const { scene, people: all, id } = await opened(3);
        const items = [id, newOriginatorId()];
        const done = new Map<UnitId, Person>();
        for (const { person: index, item, what, quantity } of actions) {
          const person = all[index] as Person;
          if (what === 'synchronise') await person.synchronise();
          else {
            const data = what === 'Name' ? { name: `${quantity}` } : { quantity };
            const unit = await person.do(items[item] as string, what, data).catch((error: unknown) => {
              expect(error).toMatchObject({ code: 'COMMAND_ERROR' });
              return undefined;
            });
            if (unit !== undefined) done.set(unit, person);
          }
        }
        // The last one's word reaches the first one in the second round.
        for (const person of [...all, ...all]) await person.synchronise();
        const books = await scene.books();
        const inBooks = new Set(books.map((unit) => unit.id));
        expect(inBooks.size).toBe(books.length);
        for (const [unit, person] of done) {
          const [standing] = await person.tab.inside.findUnits([unit]);
          // A command that had nothing to do at once has made no unit.
          if (standing === undefined) expect(inBooks).not.toContain(unit);
          else if (inBooks.has(unit)) expect(standing.state).toBe('confirmed');
          else expect(['withdrawn', 'setAside']).toContain(standing.state);
        }
        for (const item of items) {
          const states = await Promise.all(all.map((person) => person.state(item).catch(() => undefined)));
          expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
          let free = 0;
          for (const { events } of books) {
            for (const { originatorId, originatorVersion, topic, state } of events) {
              if (originatorId !== item || topic.endsWith('Named')) continue;
              const { data } = await all[0]!.app.decode({ id: 1, originatorId, originatorVersion, topic, state });
              const { quantity } = data as { quantity: number };
              free += topic.endsWith('Received') ? quantity : -quantity;
              expect(free).toBeGreaterThanOrEqual(0);
            }
          }
        }
      } finally {
        await everybodyOffline();
      }
    }),
    { numRuns: Number(process.env['DECIDED_RUNS'] ?? 25) },
  );
});

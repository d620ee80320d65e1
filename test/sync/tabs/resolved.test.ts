/** Units without a command that gave way to others': what the application says of them. Real stores, a real server. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import type { Resolution, ResolveConflict, UnitConflict } from '../../../src/application/commands/conflict-resolver.js';
import { Aggregate } from '../../../src/domain/aggregate.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import type { StandardSchema } from '../../../src/domain/standard-schema.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { ScenePerson } from '../../support/scene-person.js';
import { closeScenes, Scene, SceneStore } from '../../support/sync-scene.js';

/** Pending again, as it was or as something else. */
const DECIDED = expect.stringMatching(/changed$/) as string;

const quantities: StandardSchema<unknown, { quantity: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { quantity } = value as { quantity: number };
      return quantity > 0 ? { value: { quantity } } : { issues: [{ message: 'too few' }] };
    },
  },
};

const stock = defineDecider({
  name: 'Stock',
  events: { Received: event(quantities), Counted: event<{ quantity: number }>() },
  commands: { Receive: command<{ quantity: number }>() },
  initialState: () => ({ free: 0 }),
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: {
    Received: ({ free }, { data }) => ({ free: free + data.quantity }),
    Counted: (_state, { data }) => ({ free: data.quantity }),
  },
});

class Dog extends Aggregate.of('Dog', {
  Named: event<{ name: string }>(),
  TrickAdded: event<{ trick: string }>(),
}) {
  name = '';
  readonly tricks: string[] = [];

  onNamed({ name }: { name: string }): void {
    this.name = name;
  }

  onTrickAdded({ trick }: { trick: string }): void {
    this.tricks.push(trick);
  }

  addTrick(trick: string): void {
    if (!this.tricks.includes(trick)) this.apply('TrickAdded', { trick });
  }
}

type Options = Pick<ApplicationOptions, 'resolve' | 'resolveTimeoutMs' | 'clock'>;

async function personOf(scene: Scene, options: Options = {}): Promise<ScenePerson> {
  const tab = await scene.openTab(new SceneStore(newOriginatorId()));
  const app = new Application({ recorder: tab.inside, aggregates: [stock, Dog], ...options });
  return new ScenePerson(scene, tab, app);
}

const people: ScenePerson[] = [];

/** Anna and Bert hold the same stock; Bert's application resolves. Both are offline. */
async function opened(options: Options): Promise<{ anna: ScenePerson; bert: ScenePerson; id: string; scene: Scene }> {
  const scene = await Scene.open();
  const [anna, bert] = [await personOf(scene), await personOf(scene, options)];
  people.push(anna, bert);
  const id = newOriginatorId();
  await receive(anna, id, 5);
  for (const person of [anna, bert]) {
    await person.synchronise();
    await person.offline();
  }
  return { anna, bert, id, scene };
}

const receive = async ({ app }: ScenePerson, id: string, quantity: number): Promise<unknown> =>
  await app.execute(stock, id, { type: 'Receive', data: { quantity } });

async function count(person: ScenePerson, id: string, quantity: number): Promise<string> {
  const unitId = crypto.randomUUID();
  const unit = { unit: { id: unitId }, metadata: { actorId: 'bert' } };
  await person.app.append(stock, id, [{ type: 'Counted', data: { quantity } }], 'any', unit);
  return unitId;
}

const freeOf = async ({ app }: ScenePerson, id: string): Promise<number> =>
  (await app.repository.load(stock, id)).state.free;

/** Both write the same stock; then Bert hears of Anna. */
async function conflict(options: Options): Promise<{ anna: ScenePerson; bert: ScenePerson; id: string; his: string }> {
  const { anna, bert, id } = await opened(options);
  await receive(anna, id, 2);
  const his = await count(bert, id, 9);
  await anna.synchronise();
  await bert.synchronise();
  return { anna, bert, id, his };
}

afterEach(async () => {
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

describe('a unit without a command that gave way', () => {
  test('is shown to resolve with what it stood on and what is there, and what that answers is recorded under its id', async () => {
    const asked: UnitConflict[] = [];
    const resolve: ResolveConflict = (about) => {
      asked.push(about);
      const [{ now }] = about.aggregates;
      return [{ type: 'Counted', data: { quantity: 9 + (now.state as { free: number }).free } }];
    };
    const { anna, bert, id, his } = await conflict({ resolve });
    expect(asked).toMatchObject([
      {
        unitId: his,
        attempts: 0,
        reason: { code: 'SUPERSEDED' },
        events: [{ type: 'Counted', data: { quantity: 9 }, originatorVersion: 2, metadata: { actorId: 'bert' } }],
        aggregates: [
          {
            ...{ aggregateType: 'Stock', aggregateId: id, base: { version: 1, state: { free: 5 } } },
            ...{ now: { version: 2, state: { free: 7 } }, since: [{ type: 'Received', data: { quantity: 2 } }] },
          },
        ],
      },
    ]);
    expect(bert.rebased).toMatchObject([
      {
        ...{ id: his, outcome: DECIDED, commands: [] },
        after: [{ data: { quantity: 16 }, originatorVersion: 3, metadata: { actorId: 'bert' } }],
      },
    ]);
    const [rebased] = bert.rebased;
    expect(rebased?.after[0]?.metadata.occurredAt).toEqual(rebased?.before[0]?.metadata.occurredAt);
    expect(rebased?.after[0]?.metadata.eventId).not.toBe(rebased?.before[0]?.metadata.eventId);
    await anna.synchronise();
    for (const person of [anna, bert]) expect(await freeOf(person, id)).toBe(16);
  });

  test('may be recorded as it was, each on what those before it have left', async () => {
    const seen: unknown[] = [];
    const resolve: ResolveConflict = ({ events, aggregates: [{ base, now, since }] }) => {
      seen.push([base.version, now.version, since.length]);
      return events;
    };
    const { anna, bert, id } = await opened({ resolve });
    await receive(anna, id, 2);
    const ids = [await count(bert, id, 8), await count(bert, id, 9)];
    await anna.synchronise();
    await bert.synchronise();
    expect(seen).toEqual([
      [1, 2, 1],
      [1, 3, 2],
    ]);
    expect(bert.rebased.map((unit) => [unit.id, unit.outcome])).toEqual(ids.map((unit) => [unit, DECIDED]));
    expect(await freeOf(bert, id)).toBe(9);
  });

  const ends: readonly (readonly [what: string, Resolution, outcome: string, reason: object | undefined])[] = [
    ["'drop' withdraws it", 'drop', 'withdrawn', undefined],
    ['no events withdraw it', [], 'withdrawn', undefined],
    ['a reason sets it aside', { code: 'ASK', message: 'Who counted?' }, 'setAside', { code: 'ASK' }],
    ['no answer is as if nobody was asked', undefined, 'setAside', { code: 'CONFLICT' }],
  ];
  test.each(ends)('%s', async (_what, resolution, outcome, reason) => {
    const { bert, his, id } = await conflict({ resolve: () => resolution });
    expect(bert.rebased).toMatchObject([{ id: his, outcome, reason, after: [] }]);
    const sync = await bert.synchronise();
    expect(sync.status.value.setAside).toBe(outcome === 'setAside' ? 1 : 0);
    expect(await freeOf(bert, id)).toBe(7);
  });

  const wrong: readonly (readonly [what: string, answer: () => unknown, code: string])[] = [
    [
      'throws',
      () => {
        throw new RangeError('of a user \0');
      },
      'RESOLVE_FAILED',
    ],
    ['rejects', async () => await Promise.reject(new TypeError('of a user')), 'RESOLVE_FAILED'],
    ['answers what a schema refuses', () => [{ type: 'Received', data: { quantity: -1 } }], 'VALIDATION_ERROR'],
    ['answers an event that there is not', () => [{ type: 'Lost', data: {} }], 'EVENT_HANDLER_ERROR'],
    [
      'answers of another aggregate',
      () => [{ type: 'Counted', data: { quantity: 1 }, originatorId: newOriginatorId() }],
      'PROGRAMMING_ERROR',
    ],
    ['answers no event', () => [7], 'PROGRAMMING_ERROR'],
    ['answers nothing that means anything', () => 'later', 'PROGRAMMING_ERROR'],
    ['answers a reason without a code', () => ({ message: 'because' }), 'PROGRAMMING_ERROR'],
    [
      'answers data that has no form',
      () => [{ type: 'Counted', data: { quantity: Symbol('many') } }],
      'RESOLVE_FAILED',
    ],
  ];
  test.each(wrong)(
    'is set aside where resolve %s, and nothing of its answer is recorded',
    async (_what, answer, code) => {
      const { bert, his, id } = await conflict({ resolve: answer as ResolveConflict });
      expect(bert.rebased).toMatchObject([{ id: his, outcome: 'setAside', reason: { code } }]);
      const [standing] = await bert.tab.inside.findUnits([his]);
      expect(standing).toMatchObject({ state: 'setAside', reason: { code } });
      expect(await freeOf(bert, id)).toBe(7);
    },
  );

  test('is set aside where resolve does not end in time; its signal says so, and what it answers then does not count', async () => {
    const clock = new ManualClock();
    let signal: AbortSignal | undefined;
    let answer: (resolution: Resolution) => void = () => undefined;
    const resolve: ResolveConflict = async (about) => {
      ({ signal } = about);
      return await new Promise<Resolution>((resolved) => (answer = resolved));
    };
    const { anna, bert, id } = await opened({ resolve, clock, resolveTimeoutMs: 2_000 });
    await receive(anna, id, 2);
    const his = await count(bert, id, 9);
    await anna.synchronise();
    const synchronised = bert.synchronise();
    await vi.waitUntil(() => signal !== undefined);
    clock.advance(1_999);
    expect(signal?.aborted).toBe(false);
    clock.advance(1);
    await synchronised;
    expect(signal?.reason).toMatchObject({ code: 'RESOLVER_TIMEOUT' });
    expect(bert.rebased).toMatchObject([{ id: his, outcome: 'setAside', reason: { code: 'RESOLVER_TIMEOUT' } }]);
    answer([{ type: 'Counted', data: { quantity: 1 } }]);
    await bert.synchronise();
    expect(await freeOf(bert, id)).toBe(7);
  });

  test('of several aggregates stays whole', async () => {
    const { anna, bert, id } = await opened({
      resolve: ({ aggregates }) =>
        aggregates.map(({ aggregateId, now }) => ({
          ...{ type: 'Counted', data: { quantity: now.version }, originatorId: aggregateId },
        })),
    });
    const other = newOriginatorId();
    await receive(anna, id, 2);
    await receive(bert, other, 4);
    await bert.app.executeAll(
      [
        [stock, id, { type: 'Receive', data: { quantity: 2 } }],
        [stock, other, { type: 'Receive', data: { quantity: 2 } }],
      ],
      {},
    );
    await anna.synchronise();
    await bert.synchronise();
    expect(bert.rebased.map((unit) => unit.outcome)).toEqual([DECIDED]);
    expect([await freeOf(bert, id), await freeOf(bert, other)]).toEqual([2, 1]);
  });

  test('of a class comes as its events, beside aggregates whose methods may be called', async () => {
    const resolve: ResolveConflict = ({ events, aggregates: [{ base, now }] }) => {
      const dog = now.state as Dog;
      expect((base.state as Dog).tricks).toEqual([]);
      for (const { data } of events) dog.addTrick((data as { trick: string }).trick);
      return dog.pendingEvents;
    };
    const { anna, bert } = await opened({ resolve });
    const id = newOriginatorId();
    const dog = new Dog(id);
    dog.apply('Named', { name: 'Fido' });
    await anna.app.save(dog);
    await anna.synchronise();
    await bert.synchronise();
    await bert.offline();
    await anna.offline();
    const add = async ({ app }: ScenePerson, ...tricks: readonly string[]): Promise<void> => {
      const loaded = await app.repository.get(Dog, id);
      for (const trick of tricks) loaded.addTrick(trick);
      await app.save(loaded);
    };
    await add(anna, 'sit');
    await add(bert, 'sit', 'roll over');
    await anna.synchronise();
    await bert.synchronise();
    expect(bert.rebased).toMatchObject([
      { outcome: DECIDED, before: [{ type: 'TrickAdded' }, { type: 'TrickAdded' }], after: [{ type: 'TrickAdded' }] },
    ]);
    expect((await bert.app.repository.get(Dog, id)).tricks).toEqual(['sit', 'roll over']);
  });

  test('is set aside, and not asked about, where an event of it is none that the application knows', async () => {
    const resolve = vi.fn<ResolveConflict>(() => 'drop');
    const { anna, bert, id } = await opened({ resolve });
    await receive(anna, id, 2);
    const his = crypto.randomUUID();
    const strange = { originatorId: id, originatorVersion: 2, topic: 'Stock:Sold', state: new Uint8Array([123, 125]) };
    await bert.tab.inside.insertEvents([strange], { unit: { id: his } });
    await anna.synchronise();
    await bert.synchronise();
    expect(resolve).not.toHaveBeenCalled();
    expect(bert.rebased).toMatchObject([{ id: his, outcome: 'setAside', reason: { code: 'APPLICATION_TOO_OLD' } }]);
    // By a release that knows it: as somebody asks for, when it begins.
    const sold = defineDecider({
      ...{ name: 'Stock', events: { ...stock.events, Sold: event() }, commands: {} },
      ...{ initialState: () => 0, decide: () => [], evolve: (state: number) => state },
    });
    const newer = new Application({ recorder: bert.tab.inside, aggregates: [sold, Dog], resolve });
    expect(await newer.decideHeldBack()).toMatchObject([{ id: his, outcome: 'withdrawn' }]);
    expect(resolve).toHaveBeenCalledTimes(1);
  });

  test('is decided with every page that has something in its place, however often, with other event ids each time', async () => {
    const ids = new Set<string>();
    const { anna, bert, id } = await opened({ resolve: ({ events }) => events });
    const his = await count(bert, id, 9);
    for (let round = 0; round < 12; round++) {
      await receive(anna, id, 1);
      await anna.synchronise();
      await anna.offline();
      // Bert hears of it, and cannot send.
      bert.scene.script.length = 0;
      const { inside } = bert.tab;
      const { cursor } = await inside.syncProgress();
      const page = await bert.scene.log.page(cursor, { eventsMax: 100, bytesMax: 1e6 });
      const { superseded } = await inside.insertPage(page!, { superseding: 'decide' });
      const { decided, units } = await bert.app.decideAgain(superseded!);
      expect((await inside.insertPage(page!, { superseding: 'decide', decided })).isStored).toBe(true);
      ids.add(units[0]?.after[0]?.metadata.eventId ?? '');
    }
    expect(ids.size).toBe(12);
    expect(await bert.tab.inside.findUnits([his])).toMatchObject([{ state: 'pending' }]);
  });
});

test('what is no function, or no time, is refused', async () => {
  const scene = await Scene.open();
  const made = (options: object): Application =>
    new Application({ recorder: scene.tab.inside, aggregates: [stock], ...options });
  expect(() => made({ resolve: 'merge' })).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  expect(() => made({ resolve: () => 'drop', resolveTimeoutMs: 0 })).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
  );
});

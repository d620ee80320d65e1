/** Processes of stores that are synchronised: they react to what the server has, to each unit once. */
import { afterEach, describe, expect, test } from 'vitest';
import { defineProcess, send } from '../../../src/application/processes/process.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import type { ProcessRunnerOptions } from '../../../src/application/processes/process-runner.js';
import { Application } from '../../../src/application/application.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { stock, StockPerson } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

const diary = defineDecider({
  name: 'Diary',
  events: { Noted: event<{ what: string }>() },
  commands: { Note: command<{ what: string }>() },
  initialState: () => ({}),
  decide: { Note: ({ data }) => ({ type: 'Noted', data }) },
  evolve: { Noted: (state) => state },
});
const DIARY = newOriginatorId();

const noting = defineProcess({
  name: 'noting',
  from: [stock],
  on: {
    Received: ({ data }) => [send(diary, DIARY, { type: 'Note', data: { what: `received ${data.quantity}` } })],
    Reserved: ({ data }) => [send(diary, DIARY, { type: 'Note', data: { what: `reserved ${data.quantity}` } })],
  },
});

const people: StockPerson[] = [];
const closers: (() => Promise<void>)[] = [];

interface Noted {
  readonly person: StockPerson;
  readonly runner: ProcessRunner;
  /** What has been reacted to, in its order. */
  notes(): Promise<string[]>;
}

async function join(scene: Scene, follows?: ProcessRunnerOptions['follows']): Promise<Noted> {
  const person = await StockPerson.of(scene);
  people.push(person);
  const into = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [diary] });
  const runner = new ProcessRunner({ process: noting, from: person.app, into, follows });
  closers.push(() => runner.close());
  const notes = async (): Promise<string[]> => {
    await runner.catchUp();
    const history = await into.repository.history(diary, DIARY);
    return history.map(({ data }) => data.what);
  };
  return { person, runner, notes };
}

async function online({ person }: Noted): Promise<void> {
  await person.synchronise();
  await person.offline();
}

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  for (const person of people.splice(0)) await person.offline();
  await closeScenes();
});

describe('a process of a store that is synchronised', () => {
  test('reacts to what is confirmed, to what it was decided to be, and to nothing that was set aside', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    const [anna, bert] = [await join(scene), await join(scene)];
    await anna.person.do(id, 'Receive', { quantity: 5 });
    await online(anna);
    await online(bert);
    expect(await bert.notes()).toEqual(['received 5']);
    await anna.person.do(id, 'Reserve', { quantity: 3 });
    await bert.person.do(id, 'ReserveRest');
    await bert.person.do(id, 'Receive', { quantity: 1 });
    await bert.person.do(id, 'Reserve', { quantity: 1 });
    expect(await bert.notes()).toEqual(['received 5']);
    await online(anna);
    await online(bert);
    await online(anna);
    expect(await bert.notes()).toEqual((await bert.person.events('confirmed')).map(said));
    expect(await anna.notes()).toEqual(await bert.notes());
    expect(await bert.notes()).toHaveLength(4);
  });

  test('reacts to each unit once, also after the log was set back and healed', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    const [anna, bert] = [await join(scene), await join(scene)];
    await anna.person.do(id, 'Receive', { quantity: 5 });
    await online(anna);
    await online(bert);
    const restore = scene.log.backup();
    await anna.person.do(id, 'Reserve', { quantity: 2 });
    await online(anna);
    await bert.person.do(id, 'Receive', { quantity: 1 });
    await online(bert);
    const before = await bert.notes();
    expect(before).toEqual(['received 5', 'reserved 2', 'received 1']);
    restore();
    await bert.person.do(newOriginatorId(), 'Receive', { quantity: 9 });
    for (const one of [bert, anna, bert, anna]) await online(one);
    expect(await bert.notes()).toEqual([...before, 'received 9']);
    expect([...(await anna.notes())].sort()).toEqual([...before, 'received 9'].sort());
  });

  test('goes on after what it has reacted to before there was a server', async () => {
    const scene = await Scene.open();
    const anna = await join(scene);
    const id = newOriginatorId();
    await anna.person.do(id, 'Receive', { quantity: 5 });
    expect(await anna.notes()).toEqual(['received 5']);
    await anna.person.do(id, 'Reserve', { quantity: 1 });
    await online(anna);
    expect(await anna.notes()).toEqual(['received 5', 'reserved 1']);
    await anna.person.do(id, 'Reserve', { quantity: 2 });
    expect(await anna.notes()).toEqual(['received 5', 'reserved 1']);
  });

  test('waits for what became of an event: where it was decided again, until that is confirmed', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    const [anna, bert] = [await join(scene), await join(scene)];
    await anna.person.do(id, 'Receive', { quantity: 5 });
    await online(anna);
    await online(bert);
    await anna.person.do(id, 'Reserve', { quantity: 3 });
    await online(anna);
    await bert.person.do(id, 'ReserveRest');
    const last = await bert.person.tab.inside.maxNotificationId();
    bert.runner.start();
    const reached = bert.runner.waitFor(last, { timeoutMs: 20_000 });
    await online(bert);
    await reached;
    expect(await bert.notes()).toEqual(['received 5', 'reserved 3', 'reserved 2']);
  });

  test('tentative: reacts to what is recorded, at once, whatever becomes of it', async () => {
    const scene = await Scene.open();
    const id = newOriginatorId();
    const bert = await join(scene, 'tentative');
    await bert.person.do(id, 'Receive', { quantity: 5 });
    await online(bert);
    await bert.person.do(id, 'Reserve', { quantity: 2 });
    expect(await bert.notes()).toEqual(['received 5', 'reserved 2']);
  });

  test('of a log without units cannot be told to wait for a server', () => {
    const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [diary, stock] });
    expect(() => new ProcessRunner({ process: noting, from: app, into: app, follows: 'confirmed' })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });
});

function said({ type, data }: { readonly type: string; readonly data: object }): string {
  return `${type.toLowerCase()} ${String((data as { quantity?: number }).quantity)}`;
}

/** Who waits for whom, and who hears of which error. */
import { expect, it } from 'vitest';
import { IntegrityError, OperationalError } from '../../../src/persistence/errors.js';
import { PushQueue } from '../../../src/server/log/push-queue.js';

interface Push {
  readonly name: string;
  readonly units: readonly {
    readonly id: string;
    readonly events: readonly {
      readonly originatorId: string;
      readonly originatorVersion: number;
      readonly topic: string;
      readonly state: Uint8Array;
    }[];
  }[];
}

function push(name: string, events = 1, stateBytes = 1): Push {
  const event = { originatorId: 'a', originatorVersion: 1, topic: 't', state: new Uint8Array(stateBytes) };
  return { name, units: [{ id: name, events: Array.from({ length: events }, () => event) }] };
}

/** A queue whose transactions a test ends. */
class Held {
  /** The names of the pushes of each transaction. */
  readonly transactions: string[][] = [];
  readonly queue = new PushQueue<Push, string>(async (pushes, onDecided) => {
    const names = pushes.map(({ name }) => name);
    this.transactions.push(names);
    const end = Promise.withResolvers<void>();
    this.#ends.push(end);
    this.decided.push(onDecided);
    await end.promise;
    return names.map((name) => `answer of ${name}`);
  });
  /** Says of each transaction that it is decided, and is being written. */
  readonly decided: (() => void)[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];

  /** Ends the transaction that runs, and lets the next one begin. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift()!;
    if (error === undefined) end.resolve();
    else end.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What a push comes to. */
const told = async (answer: Promise<string>): Promise<string> =>
  await answer.catch((error: unknown) => (error as Error).message);

it('lets the first go at once, and those that come meanwhile together, each with its own answer', async () => {
  const scene = new Held();
  const first = scene.queue.add(push('1'));
  // Before anything else happens: nobody is waited for.
  expect(scene.transactions).toEqual([['1']]);
  const others = ['2', '3', '4'].map((name) => scene.queue.add(push(name)));
  await scene.end();
  expect(await first).toBe('answer of 1');
  expect(scene.transactions).toEqual([['1'], ['2', '3', '4']]);
  await scene.end();
  expect(await Promise.all(others)).toEqual(['answer of 2', 'answer of 3', 'answer of 4']);
  const last = scene.queue.add(push('5'));
  expect(scene.transactions).toHaveLength(3);
  await scene.end();
  expect(await last).toBe('answer of 5');
});

it.each([
  ['events', [1_500, 500, 1, 3_000, 1].map((events, index) => push(String(index), events))],
  ['bytes', [3_000_000, 1_000_000, 200_000, 9_000_000, 1].map((bytes, index) => push(String(index), 1, bytes))],
])('bounds a transaction by %s, and takes one push that has more', async (_what, pushes) => {
  const scene = new Held();
  const first = scene.queue.add(push('first'));
  const answers = pushes.map((one) => scene.queue.add(one));
  for (let ended = 0; ended < 5; ended++) await scene.end();
  await Promise.all([first, ...answers]);
  expect(scene.transactions).toEqual([['first'], ['0', '1'], ['2'], ['3'], ['4']]);
});

it('tries each alone when something else than the database fails, so that the one at fault fails alone', async () => {
  const transactions: string[][] = [];
  const queue = new PushQueue<Push, string>(async (pushes) => {
    transactions.push(pushes.map(({ name }) => name));
    await Promise.resolve();
    if (pushes.some(({ name }) => name === 'bad')) throw new IntegrityError('bad');
    return pushes.map(({ name }) => name);
  });
  const answers = ['1', '2', 'bad', '3'].map((name) => told(queue.add(push(name))));
  expect(await Promise.all(answers)).toEqual(['1', '2', 'bad', '3']);
  expect(transactions).toEqual([['1'], ['2', 'bad', '3'], ['2'], ['bad'], ['3']]);
});

it('tells all of a transaction when the database fails, tries none of them again, and goes on', async () => {
  const scene = new Held();
  const answers = ['1', '2', '3'].map((name) => told(scene.queue.add(push(name))));
  await scene.end();
  const late = scene.queue.add(push('late'));
  await scene.end(new OperationalError('gone'));
  expect(await Promise.all(answers)).toEqual(['answer of 1', 'gone', 'gone']);
  await scene.end();
  expect(await late).toBe('answer of late');
  expect(scene.transactions).toEqual([['1'], ['2', '3'], ['late']]);
});

it.each([
  ['by number', 4_096, 1],
  ['by size', 32, 4_194_304],
])(
  'bounds those who wait %s: who comes then is told to come again, and the others are decided',
  async (_, most, bytes) => {
    const scene = new Held();
    const first = scene.queue.add(push('first'));
    const large = push('', 1, bytes).units;
    // The state beside its topic of one letter.
    const ofSize = (name: string): Push => ({ name, units: large.map((unit) => ({ ...unit, id: name })) });
    const count = bytes === 1 ? most : most - 1;
    const waiting = Array.from({ length: count }, (_each, index) => scene.queue.add(ofSize(String(index))));
    const refused = scene.queue.add(ofSize('refused'));
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { retryAfterSeconds: 2 } });
    // Room again: what waited is decided, by and by.
    await scene.end();
    const late = scene.queue.add(push('late'));
    while (scene.transactions.flat().length < count + 2) await scene.end();
    await scene.end();
    expect(await first).toBe('answer of first');
    expect(await Promise.all(waiting)).toHaveLength(count);
    expect(await late).toBe('answer of late');
    expect(scene.transactions.flat()).not.toContain('refused');
  },
);

it('begins with much, and with nothing more, as soon as the one before it is decided, and with little when that is written', async () => {
  const scene = new Held();
  const all = [push('1', 200), push('2', 200), push('3', 200)].map((one) => scene.queue.add(one));
  expect(scene.transactions).toEqual([['1']]);
  scene.decided[0]!();
  expect(scene.transactions).toEqual([['1'], ['2', '3']]);
  const more = [scene.queue.add(push('4', 200))];
  // Two at most, decided or not.
  scene.decided[1]!();
  expect(scene.transactions).toHaveLength(2);
  await scene.end();
  expect(scene.transactions).toEqual([['1'], ['2', '3'], ['4']]);
  await scene.end();
  scene.decided[2]!();
  // Little waits for it, and for who comes meanwhile.
  more.push(scene.queue.add(push('5')), scene.queue.add(push('6')));
  expect(scene.transactions).toHaveLength(3);
  more.push(scene.queue.add(push('7', 98)));
  expect(scene.transactions[3]).toEqual(['5', '6', '7']);
  await scene.end();
  await scene.end();
  expect(await Promise.all([...all, ...more])).toEqual(
    Array.from({ length: 7 }, (_, index) => `answer of ${index + 1}`),
  );
});

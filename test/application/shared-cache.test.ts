/** Answers that processes share: in a memory that the test looks into, and in a real Redis. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { cached, invalidateFrom, invalidation } from '../../src/application/cached.js';
import { cachedIn } from '../../src/application/shared-cache.js';
import type { CacheBackend } from '../../src/application/shared-cache.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { openRedis, REDIS_MISSING } from '../support/redis-fixture.js';
import type { RedisFixture } from '../support/redis-fixture.js';

/** What two processes see: a backend for each. */
type OpenBackends = () => Promise<readonly [CacheBackend, CacheBackend]>;

class MemoryBackend implements CacheBackend {
  readonly texts = new Map<string, string>();
  /** Called before each write. */
  beforeSet: (key: string) => Promise<void> | void = () => undefined;

  async get(key: string): Promise<string | undefined> {
    return this.texts.get(key);
  }

  async set(key: string, text: string, _ttlMs: number): Promise<void> {
    await this.beforeSet(key);
    this.texts.set(key, text);
  }
}

let redis: RedisFixture | undefined;
beforeAll(async () => {
  if (REDIS_MISSING === undefined) redis = await openRedis();
});
afterAll(() => redis?.close());

const BACKENDS: readonly (readonly [string, string | undefined, OpenBackends])[] = [
  [
    'memory',
    undefined,
    async () => {
      const backend = new MemoryBackend();
      return [backend, backend];
    },
  ],
  [
    'Redis',
    REDIS_MISSING,
    async () => {
      const clients = await Promise.all([redis!.connect(), redis!.connect()]);
      onTestFinished(() => clients.forEach((client) => client.close()));
      return clients;
    },
  ],
];

let names = 0;

describe.each(BACKENDS)('answers that are shared in %s', (engine, missing, open) => {
  describe.skipIf(missing !== undefined)(missing === undefined ? engine : `skipped: ${missing}`, () => {
    const shared = async (ttlMs = 60_000) => {
      const calls = { here: 0, there: 0 };
      const [here, there] = await open();
      const options = { name: `test ${names++} ${crypto.randomUUID()}`, ttlMs, tags: (id: string) => [id] };
      return {
        calls,
        here: cachedIn(here, async (id: string) => `${id} ${++calls.here}`, options),
        there: cachedIn(there, async (id: string) => `${id} there ${++calls.there}`, options),
      };
    };

    test('one process asks, and the others have it', async () => {
      const { calls, here, there } = await shared();
      expect(await Promise.all([here('a'), here('a'), here('b')])).toEqual(['a 1', 'a 1', 'b 2']);
      expect([await there('a'), await there('b'), calls.there]).toEqual(['a 1', 'b 2', 0]);
    });

    test('what one makes old is asked for again by all, and nothing else is', async () => {
      const { calls, here, there } = await shared();
      await Promise.all([here('a'), here('b')]);
      await there.invalidate(['a']);
      expect([await here('a'), await here('b'), await there('a')]).toEqual(['a 3', 'b 2', 'a 3']);
      expect(calls.there).toBe(0);
    });

    test('an answer that was begun before is not given to those who ask afterwards, wherever they are', async () => {
      const [here, there] = await open();
      const gate = Promise.withResolvers<void>();
      let calls = 0;
      const options = { name: `test ${names++} ${crypto.randomUUID()}`, tags: () => ['t'] };
      const slow = cachedIn(
        here,
        async () => {
          const answer = ++calls;
          if (answer === 1) await gate.promise;
          return answer;
        },
        options,
      );
      const other = cachedIn(there, async () => ++calls, options);
      const before = slow();
      // It has its stamps, and asks.
      await expect.poll(() => calls).toBe(1);
      await other.invalidate(['t']);
      expect(await other()).toBe(2);
      gate.resolve();
      expect(await before).toBe(1);
      expect(await other()).toBe(2 + (calls - 2));
      expect(await slow()).not.toBe(1);
    });

    test('it is kept for its time, and no longer', async () => {
      const { here } = await shared(engine === 'memory' ? 60_000 : 40);
      expect(await here('a')).toBe('a 1');
      if (engine === 'memory') return;
      await expect.poll(() => here('a')).not.toBe('a 1');
    });

    test('events of one application make old what another one has kept', async () => {
      const postgres = await openPostgres();
      onTestFinished(postgres.close);
      const [here, there] = await open();
      const id = newOriginatorId();
      const apps: Application[] = [];
      const [first, second] = [here, there].map((backend, index) => {
        const free = cachedIn(
          backend,
          async (item: string) => (await apps[index]!.repository.load(testStock, item)).state.free,
          { name: `free ${id}`, tags: (item) => [item] },
        );
        const inline = [invalidation([free], ({ originatorId }) => [originatorId])];
        apps.push(new Application({ recorder: postgres.recorder, aggregates: [testStock], inline }));
        return free;
      });
      const add = { type: 'Add', data: { quantity: 5 } } as const;
      await apps[0]!.execute(testStock, id, add);
      expect([await first!(id), await second!(id)]).toEqual([5, 5]);
      await apps[1]!.execute(testStock, id, add);
      expect(await second!(id)).toBe(10);
      await expect.poll(() => first!(id)).toBe(10);
    });
  });
});

test('a backend that fails keeps nobody from an answer, and that is told', async () => {
  const failures: unknown[] = [];
  const backend: CacheBackend = {
    get: () => Promise.reject(new Error('away')),
    set: () => Promise.reject(new Error('away')),
  };
  let calls = 0;
  const options = { name: 'test', tags: () => ['t'], onFailed: (error: unknown) => void failures.push(error) };
  const ask = cachedIn(backend, async () => ++calls, options);
  expect([await ask(), await ask()]).toEqual([1, 2]);
  await ask.invalidate(['t']);
  expect(failures.length).toBeGreaterThanOrEqual(3);
  const broken = new MemoryBackend();
  const read = cachedIn(broken, async () => ++calls, { ...options, name: 'other' });
  const first = await read();
  for (const key of broken.texts.keys()) if (key.includes(':answer:')) broken.texts.set(key, '{"stamps":');
  expect(await read()).toBe(first + 1);
});

test('what it rejects with is not kept, nor what JSON does not hold', async () => {
  const backend = new MemoryBackend();
  let calls = 0;
  const ask = cachedIn(
    backend,
    async () => {
      if (++calls === 1) throw new RangeError('not now');
      return new Date(calls);
    },
    { name: 'test' },
  );
  await expect(ask()).rejects.toThrow('not now');
  // In JSON it would be a text.
  expect(await ask()).toEqual(new Date(2));
  expect(await ask()).toEqual(new Date(3));
  const large = cachedIn(backend, async () => 10n ** 20n, { name: 'large' });
  expect([await large(), await large()]).toEqual([10n ** 20n, 10n ** 20n]);
});

test('a stamp that is there is not written again by who has read it before it became another one', async () => {
  const backend = new MemoryBackend();
  let calls = 0;
  const ask = cachedIn(backend, async () => ++calls, { name: 'test', tags: () => ['t'] });
  await ask();
  const writes: string[] = [];
  backend.beforeSet = (key) => void writes.push(key);
  await ask();
  expect(writes).toEqual([]);
});

test('answers are old when another process has recorded an event, and when nobody can say any more', async () => {
  const postgres = await openPostgres();
  onTestFinished(postgres.close);
  const id = newOriginatorId();
  const [here, there] = [postgres.recorder, postgres.recorder].map(
    (recorder) => new Application({ recorder, aggregates: [testStock] }),
  );
  const free = cached(async (item: string) => (await here!.repository.load(testStock, item)).state.free, {
    tags: (item) => [item],
  });
  const stop = new AbortController();
  const following = invalidateFrom(here!, [free], ({ originatorId }) => [originatorId], { signal: stop.signal });
  const add = { type: 'Add', data: { quantity: 5 } } as const;
  await there!.execute(testStock, id, add);
  await expect.poll(() => free(id)).toBe(5);
  await there!.execute(testStock, id, add);
  await expect.poll(() => free(id)).toBe(10);
  stop.abort();
  await following.catch(() => undefined);
  await there!.execute(testStock, id, add);
  expect(await free(id)).toBe(15);
});

test.each([
  [{ name: '' }],
  [{ name: 5 as never }],
  [{ name: 'test', ttlMs: 0 }],
  [{ name: 'test', ttlMs: Number.NaN }],
])('what makes no sense is refused: %j', (options) => {
  expect(() => cachedIn(new MemoryBackend(), async () => 1, options)).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
  );
});

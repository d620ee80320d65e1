import { describe, expect, test, vi } from 'vitest';
import { cached } from '../../src/application/cached.js';
import { validateRetryPolicy } from '../../src/application/commands/decide-again.js';
import { InlineProjection } from '../../src/application/projections/inline-projection.js';
import { ProcessRunner } from '../../src/application/processes/process-runner.js';
import { ProjectionRunner } from '../../src/application/projections/projection-runner.js';
import { LogFollower } from '../../src/application/log/log-follower.js';
import { OutboxWorker } from '../../src/application/outbox/outbox-worker.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { withRetry } from '../../src/persistence/with-retry.js';
import { ProgrammingError } from '../../src/persistence/errors.js';
import { pgPoolSettings } from '../../src/persistence/postgres/pg-pool-options.js';
import { idleTimeoutMsOf, lockSql } from '../../src/persistence/postgres/postgres-recorder-options.js';
import { follow } from '../../src/persistence/postgres/postgres-subscription.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { checkedMs } from '../../src/persistence/validation.js';
import { NatsPublisher } from '../../src/publishing/nats/nats-publisher.js';
import { systemClock } from '../../src/util/clock.js';

const NONE_OF_THEM: readonly unknown[] = [Number.NaN, -1, -Infinity, '5', null, {}, 5n];

function follower(pollIntervalMs?: number): LogFollower<never> {
  return new LogFollower({
    what: 'It',
    log: {},
    clock: systemClock,
    random: () => 0,
    pollIntervalMs,
    initialStatus: { state: 'idle', position: 0, head: 0, lag: 0, lastError: undefined },
    catchUp: async () => undefined,
  } as never);
}

function followed(handlerTimeoutMs: number): never {
  const [projection, process] = [
    { name: 'p', topics: [], tables: {} },
    { name: 'p', topics: [] },
  ];
  return {
    projection,
    process,
    from: { name: 'a' },
    into: {},
    log: {},
    store: {},
    recorder: {},
    handlerTimeoutMs,
  } as never;
}

function worker(options: object): OutboxWorker {
  return new OutboxWorker({ outbox: new MemoryOutbox(), publish: async () => undefined, ...options });
}

/** Each option of a time that the library takes, by what it is called there. */
const OPTIONS: readonly (readonly [string, (ms: never) => unknown])[] = [
  ['withRetry delayMs', (ms) => withRetry(async () => undefined, { delayMs: ms })],
  ['cached ttlMs', (ms) => cached(async () => 1, { ttlMs: ms })],
  ['waitFor timeoutMs', (ms) => follower().waitFor(1, { timeoutMs: ms })],
  ['ProcessRunner handlerTimeoutMs', (ms) => new ProcessRunner(followed(ms))],
  ['ProjectionRunner handlerTimeoutMs', (ms) => new ProjectionRunner(followed(ms))],
  ['InlineProjection handlerTimeoutMs', (ms) => new InlineProjection(followed(ms))],
  ['LogFollower pollIntervalMs', (ms) => follower(ms)],
  ['retry delayMsMax', (ms) => validateRetryPolicy({ attemptsMax: 2, delayMsMax: ms })],
  ...['intervalMs', 'leaseMs', 'publishTimeoutMs', 'keepPublishedMs'].map(
    (option) => [`OutboxWorker ${option}`, (ms: never) => worker({ [option]: ms })] as const,
  ),
  ['OutboxWorker retry.delayMsMin', (ms) => worker({ retry: { delayMsMin: ms, delayMsMax: 1 } })],
  ['OutboxWorker retry.delayMsMax', (ms) => worker({ retry: { delayMsMin: 1, delayMsMax: ms } })],
  ...[
    'poolTimeoutMs',
    'connectTimeoutMs',
    'maxAgeMs',
    'idleInTransactionTimeoutMs',
    'statementTimeoutMs',
    'queryTimeoutMs',
  ].map((option) => [`createPgPool ${option}`, (ms: never) => pgPoolSettings({ [option]: ms })] as const),
  ['PostgreSQL lockTimeoutMs', (ms) => lockSql({ events: 't' }, ms)],
  ['PostgreSQL idleInTransactionTimeoutMs', (ms) => idleTimeoutMsOf({ idleInTransactionTimeoutMs: ms } as never)],
  ['openNodeSqlite lockTimeoutMs', (ms) => openNodeSqlite({ path: ':memory:', lockTimeoutMs: ms })],
  ['NatsPublisher ackTimeoutMs', (ms) => new NatsPublisher({ connection: natsConnection, ackTimeoutMs: ms })],
];
const natsConnection = { options: {}, info: { headers: true }, protocol: {} } as never;

describe('a time that an option names', () => {
  test.each(OPTIONS)('%s must be one', async (_name, use) => {
    for (const ms of NONE_OF_THEM) {
      // An option that is null counts as not given where it is optional in JavaScript's way.
      const outcome = await Promise.resolve()
        .then(() => use(ms as never))
        .then(
          () => 'taken',
          (error: unknown) => error,
        );
      if (ms === null && outcome === 'taken') continue;
      expect(outcome, String(ms)).toBeInstanceOf(ProgrammingError);
    }
  });

  test('the PostgreSQL subscription names it when it is made', () => {
    const listener = { ensure: vi.fn(), add: vi.fn() } as never;
    for (const ms of [Number.NaN, 0, -1]) {
      expect(() => follow({} as never, listener, { pollIntervalMs: ms })).toThrow('pollIntervalMs');
    }
  });

  test('says what was wrong, in which option, and what is right', () => {
    expect(() => checkedMs('timeoutMs', Number.NaN)).toThrow('timeoutMs must be 0 or more milliseconds, but is NaN.');
    expect(() => checkedMs('timeoutMs', 2 ** 31, { min: 1, max: 2 ** 31 - 1 })).toThrow(
      'timeoutMs must be 1 to 2147483647 milliseconds, but is 2147483648.',
    );
    expect(checkedMs('timeoutMs', Infinity)).toBe(Infinity);
  });

  test('for ever is for ever: waitFor does not reject, however long', async () => {
    vi.useFakeTimers();
    try {
      for (const timeoutMs of [Infinity, 2 ** 31, 2 ** 40]) {
        const abort = new AbortController();
        const settled = vi.fn();
        const waiting = follower().waitFor(1, { timeoutMs, signal: abort.signal }).then(settled, settled);
        await vi.advanceTimersByTimeAsync(2 ** 31 - 1);
        expect(settled, String(timeoutMs)).not.toHaveBeenCalled();
        abort.abort(new Error('enough'));
        await waiting;
      }
    } finally {
      vi.useRealTimers();
    }
  });
});

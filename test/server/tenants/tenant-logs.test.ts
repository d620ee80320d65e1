import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TenantLogs } from '../../../src/server/tenants/tenant-logs.js';
import { ForbiddenError, UnavailableError } from '../../../src/sync/protocol/index.js';
import { CountingClock } from '../../support/counting-clock.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Tenants whose logs are their names, and what is known of who has them open. */
class Tenants {
  readonly clock = new CountingClock();
  readonly open: string[] = [];
  readonly failures: unknown[] = [];
  opened = 0;
  failure: Error | undefined;
  closeFailure: Error | undefined;
  /** What opening and closing waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly logs: TenantLogs<string>;

  constructor(openMax = 3) {
    this.logs = new TenantLogs({
      clock: this.clock,
      openMax,
      idleMs: 1_000,
      onFailure: (error) => this.failures.push(error),
      open: async (tenant) => {
        await this.gate;
        if (this.failure !== undefined) throw this.failure;
        if (this.open.includes(tenant)) throw new Error(`${tenant} is open twice`);
        this.opened++;
        this.open.push(tenant);
        return { log: tenant, close: () => this.#close(tenant) };
      },
    });
  }

  async #close(tenant: string): Promise<void> {
    await this.gate;
    this.open.splice(this.open.indexOf(tenant), 1);
    if (this.closeFailure !== undefined) throw this.closeFailure;
  }
}

describe('logs of tenants', () => {
  test('are opened once, also for many who come at once', async () => {
    const tenants = new Tenants();
    const uses = Array.from({ length: 20 }, () => tenants.logs.use('a', async (log) => log));
    expect(new Set(await Promise.all(uses))).toEqual(new Set(['a']));
    expect(tenants.open).toEqual(['a']);
  });

  test('are closed when nobody has used them for a while, and opened again', async () => {
    const tenants = new Tenants();
    await tenants.logs.use('a', async () => undefined);
    tenants.clock.advance(999);
    await tenants.logs.use('a', async () => undefined);
    tenants.clock.advance(999);
    await settled();
    expect(tenants.open).toEqual(['a']);
    tenants.clock.advance(1);
    await settled();
    expect(tenants.open).toEqual([]);
    await tenants.logs.use('a', async () => undefined);
    expect(tenants.opened).toBe(2);
  });

  test('make room for others, the one first that was not used for longest', async () => {
    const tenants = new Tenants();
    for (const tenant of ['a', 'b', 'c', 'a']) await tenants.logs.use(tenant, async () => undefined);
    await tenants.logs.use('d', async () => undefined);
    expect([...tenants.open].sort()).toEqual(['a', 'c', 'd']);
  });

  test('that are used stay; another tenant is told to come again, and when', async () => {
    const tenants = new Tenants(1);
    let end: () => void = () => undefined;
    const using = tenants.logs.use('a', () => new Promise<void>((resolve) => (end = resolve)));
    await settled();
    tenants.clock.advance(10_000);
    await expect(tenants.logs.use('b', async () => undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { retryAfterMs: 1_000 },
    });
    expect(tenants.open).toEqual(['a']);
    end();
    await using;
  });

  test('of a tenant that there is not are refused, and asked for again the next time', async () => {
    const tenants = new Tenants();
    tenants.failure = new ForbiddenError('There is no such tenant.');
    const uses = [1, 2].map(() => tenants.logs.use('a', async () => undefined));
    expect((await Promise.allSettled(uses)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    tenants.failure = undefined;
    await expect(tenants.logs.use('a', async (log) => log)).resolves.toBe('a');
    expect(tenants.clock.openCount).toBe(1);
  });

  test('that cannot be closed are reported, and in nobody’s way', async () => {
    const tenants = new Tenants(1);
    await tenants.logs.use('a', async () => undefined);
    tenants.closeFailure = new Error('no');
    tenants.clock.advance(1_000);
    await settled();
    expect(tenants.failures).toEqual([tenants.closeFailure]);
    await tenants.logs.use('b', async () => undefined);
  });

  test('are closed at the end: at once, or when their users have gone; and not opened any more', async () => {
    const tenants = new Tenants();
    await tenants.logs.use('a', async () => undefined);
    let end: () => void = () => undefined;
    const using = tenants.logs.use('b', () => new Promise<void>((resolve) => (end = resolve)));
    await settled();
    await tenants.logs.close();
    expect(tenants.open).toEqual(['b']);
    end();
    await using;
    await tenants.logs.close();
    expect(tenants.open).toEqual([]);
    await expect(tenants.logs.use('a', async () => undefined)).rejects.toThrow('being stopped');
    expect(tenants.clock.openCount).toBe(0);
  });
});

test('whoever comes, and whenever: never open twice, never closed while used, never more than there is room for', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('use' as const), tenant: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
    fc.record({ kind: fc.constant('end' as const), which: fc.nat(5) }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 500, 1_000) }),
    fc.record({ kind: fc.constant('turn' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const tenants = new Tenants();
      const ends: (() => void)[] = [];
      const outcomes: Promise<unknown>[] = [];
      const wrong: string[] = [];
      for (const taken of steps) {
        if (taken.kind === 'use') {
          const using = tenants.logs.use(taken.tenant, async (log) => {
            await new Promise<void>((resolve) => ends.push(resolve));
            if (!tenants.open.includes(log)) wrong.push(`${log} was closed while it was used`);
          });
          outcomes.push(
            using.catch((error: unknown) => {
              if (!(error instanceof UnavailableError)) wrong.push(String(error));
            }),
          );
        } else if (taken.kind === 'end') ends.splice(taken.which, 1)[0]?.();
        else if (taken.kind === 'time') tenants.clock.advance(taken.ms);
        else await settled();
        if (tenants.open.length > 3) wrong.push('more than there is room for');
      }
      await settled();
      while (ends.length > 0) {
        ends.pop()?.();
        await settled();
      }
      await Promise.all(outcomes);
      await tenants.logs.close();
      expect(tenants.open).toEqual([]);
      expect(wrong).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

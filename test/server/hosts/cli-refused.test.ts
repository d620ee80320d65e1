/** What an operator does at a command line about units that were refused, in a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusedCommand } from '../../../src/server/hosts/cli-refused.js';
import { parseRefusedCommand, runRefused } from '../../../src/server/hosts/cli-refused.js';
import { openHostTenants } from '../../../src/server/hosts/host-tenants.js';
import { unitLogName } from '../../../src/server/hosts/unit-log-name.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import type { StoredUnitLog } from '../../../src/server/log/stored-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { makeTenantRole } from '../../support/postgres-roles.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';

const ANN = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const NO = { code: 'STAFF_ONLY', message: 'Only staff may write that.' };

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(async () => postgres.close());

/** Runs it as the command does. @returns the lines that it prints */
async function daybookServer(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const command = parseRefusedCommand(args, { DATABASE_URL: postgres.url });
  const lines: string[] = [];
  await runRefused(command as RefusedCommand, (line) => lines.push(line));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function refused(log: StoredUnitLog): Promise<readonly [string, string]> {
  const events = [new TextEncoder().encode('{"quantity":3}'), new Uint8Array([255])].map((state) => ({
    ...{ ...sampleEvent(newOriginatorId(), 1), state },
  }));
  const units = events.map((event) => sampleUnit([event]));
  await log.push(units, ANN, async () => NO);
  return units.map(({ id }) => id) as unknown as readonly [string, string];
}

describe('daybook-server refused', () => {
  it('lists, shows, allows and discards', async () => {
    const log = new PostgresUnitLog({ recorder: postgres.recorder, name: unitLogName(postgres.name) });
    await log.createTables();
    const [first, second] = await refused(log);
    const of = ['--name', postgres.name] as const;
    const list = await daybookServer('list', ...of);
    expect(new Set(list.map(({ id }) => id))).toEqual(new Set([first, second]));
    expect(await daybookServer('show', first, ...of)).toMatchObject([
      { id: first, kind: 'rejected', ...NO, subject: 'ann', events: [{ state: { quantity: 3 } }] },
    ]);
    expect(await daybookServer('show', second, newOriginatorId(), ...of)).toMatchObject([
      { id: second, events: [{ stateBase64: '/w==' }] },
    ]);
    const [before] = await daybookServer('list', '--limit', '1', ...of);
    const rest = await daybookServer('list', '--after', String(before?.['id']), ...of);
    expect(rest).toHaveLength(1);
    expect(await daybookServer('allow', first, ...of)).toEqual([{ id: first, outcome: 'forgotten' }]);
    expect(await daybookServer('discard', first, second, ...of)).toEqual([{ id: second, outcome: 'discarded' }]);
    expect(await daybookServer('list', ...of)).toEqual([]);
  });

  it.each(['schema', 'shared'] as const)('of one tenant only, each in %s tables', async (place) => {
    const { name: applicationName, pool, url: databaseUrl } = postgres;
    const names = [`acme_${crypto.randomUUID().slice(0, 8)}`, `globex_${crypto.randomUUID().slice(0, 8)}`] as const;
    const role = place === 'shared' ? await makeTenantRole(pool) : undefined;
    const tenants = await openHostTenants(
      { place, isTenant: () => true, ...(role === undefined ? {} : { role }) },
      ...([
        {
          databaseUrl,
          pool,
          isEmbedded: false,
          applicationName,
          schema: undefined,
          name: unitLogName(applicationName),
        },
      ] as const),
    );
    const ids = [];
    for (const tenant of names) ids.push(await tenants.use(tenant, refused));
    await tenants.close();
    const of = (tenant: string): string[] => [
      '--name',
      applicationName,
      '--tenants',
      place,
      '--tenant',
      tenant,
      ...(role === undefined ? [] : ['--role', role]),
    ];
    for (const [index, tenant] of names.entries()) {
      expect(new Set((await daybookServer('list', ...of(tenant))).map(({ id }) => id))).toEqual(new Set(ids[index]));
    }
    const others = ids[1]?.[0] ?? '';
    expect(await daybookServer('show', others, ...of(names[0]))).toEqual([]);
    expect(await daybookServer('discard', others, ...of(names[0]))).toEqual([]);
    expect(await daybookServer('allow', others, ...of(names[0]))).toEqual([]);
    expect(await daybookServer('list', ...of(names[1]))).toHaveLength(2);
  });

  it.each([
    [],
    ['everything'],
    ['list', newOriginatorId()],
    ['allow'],
    ['list', '--limit', '0'],
    ['list', '--tenant', 'acme'],
    ['list', '--tenants', 'moon', '--tenant', 'acme'],
    ['list', '--colour'],
  ])('is refused where it makes no sense: %s', (...args) => {
    expect(() => parseRefusedCommand(args, { DATABASE_URL: 'postgres://localhost/stock' })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });

  it('needs a database, and has a help', () => {
    expect(() => parseRefusedCommand(['list'], {})).toThrow('DATABASE_URL');
    expect(parseRefusedCommand(['--help'], {})).toBe('help');
  });
});

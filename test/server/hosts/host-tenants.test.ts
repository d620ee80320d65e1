/** A host of many tenants, over HTTP, with PostgreSQL: an embedded one, whose only user is a superuser. */
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { unpackPage } from '../../../src/persistence/unit-batch.js';
import { parseCliOptions, startNodeHost } from '../../../src/server/hosts/index.js';
import type { HostTenantsOptions, NodeHost, NodeHostOptions } from '../../../src/server/hosts/index.js';
import { ForbiddenError, UnauthorizedError } from '../../../src/server/index.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';
import { codeOf, deviceRequest, jsonOf, pendingUnits, pushRequest } from '../../support/unit-wire.js';

const folder = await makeTemporaryFolder();
afterAll(() => folder.remove());

async function start(tenants: HostTenantsOptions, options: Partial<NodeHostOptions> = {}): Promise<NodeHost> {
  const host = await startNodeHost({
    ...{ port: 0, databaseDir: folder.path, embedded: FAST_POSTGRES, log: vi.fn() },
    verifyToken: (token) => {
      if (token === '') throw new UnauthorizedError('no');
      return { subject: token, tenants: [`${token}-corp`, 'nowhere'] };
    },
    ...options,
    tenants,
  });
  onTestFinished(() => host.close());
  return host;
}

async function send({ url }: NodeHost, request: Request): Promise<Response> {
  const { method, headers } = request;
  const body = method === 'GET' ? {} : { body: await request.arrayBuffer() };
  return await fetch(url + new URL(request.url).pathname, { method, headers, ...body });
}

const by = (name: string): { authorization: string } => ({ authorization: `Bearer ${name}` });
// A replica is one subject's.
const replicaOf = (name: string): Record<string, string> => ({
  'daybook-replica': name === 'ann' ? '11111111-1111-4111-8111-111111111111' : '22222222-2222-4222-8222-222222222222',
});
const headersOf = (name: string): Record<string, string> => ({ ...by(name), ...replicaOf(name) });

async function pull(host: NodeHost, name: string, tenant: string): Promise<readonly string[]> {
  const question = { after: '0', events: 1_000, bytes: 1_000_000 };
  const answer = await send(host, deviceRequest(`/v2/t/${tenant}/units`, question, headersOf(name)));
  expect(answer.status).toBe(200);
  return unpackPage(new Uint8Array(await answer.arrayBuffer())).units.map(({ id }) => id);
}

describe.each(['schema', 'shared'] as const)('a host whose tenants have a place in the database: %s', (place) => {
  it('serves each its own log, and nothing of any other', async () => {
    const asked: string[] = [];
    const tenants = {
      place,
      ...(place === 'shared' ? { partitions: 2 } : {}),
      isTenant: (tenant: string) => {
        asked.push(tenant);
        return ['ann-corp', 'bob-corp'].includes(tenant);
      },
    };
    const host = await start(tenants, { applicationName: place });
    const units = pendingUnits(3);
    // The same units, of two tenants: each takes them for its own.
    for (const name of ['ann', 'bob']) {
      const pushed = await send(host, pushRequest(units, headersOf(name), `/v2/t/${name}-corp`));
      expect(await jsonOf(pushed)).toMatchObject({ head: 3 });
    }
    const more = pendingUnits(1);
    await send(host, pushRequest(more, headersOf('ann'), '/v2/t/ann-corp'));
    expect(await pull(host, 'ann', 'ann-corp')).toEqual([...units, ...more].map(({ id }) => id));
    expect(await pull(host, 'bob', 'bob-corp')).toEqual(units.map(({ id }) => id));
    expect(await host.tenants?.use('ann-corp', (log) => log.head())).toBe(4);
    // Whose token does not say so, what is none, and what has no tenant in it.
    const refusals = await Promise.all(
      ['/v2/t/bob-corp', '/v2/t/nowhere'].map((path) => send(host, pushRequest(units, headersOf('ann'), path))),
    );
    expect(refusals.map(({ status }) => status)).toEqual([403, 403]);
    const [others, none] = await Promise.all(refusals.map(jsonOf));
    expect(others).toEqual(none);
    expect((await send(host, pushRequest(units, headersOf('ann')))).status).toBe(404);
    expect(asked).toEqual(['ann-corp', 'bob-corp', 'nowhere']);
    expect((await fetch(`${host.url}/ready`)).status).toBe(200);
    // The first protocol knows no tenants.
    const old = await send(
      host,
      new Request('http://server.test/v1/push', { method: 'POST', headers: by('ann'), body: '{}' }),
    );
    expect(old.status).toBe(426);
    expect(await host.recorder.maxNotificationId()).toBe(0);
  });
});

it('a place of one’s own making says which tenants there are, and why not now', async () => {
  const host = await start({
    place: (tenant) => {
      if (tenant === 'nowhere') throw new ForbiddenError('Left.', { details: { reason: 'tenant' } });
      return undefined;
    },
  });
  const answers = await Promise.all(
    ['nowhere', 'ann-corp'].map((tenant) =>
      send(host, pushRequest(pendingUnits(1), headersOf('ann'), `/v2/t/${tenant}`)),
    ),
  );
  expect(await Promise.all(answers.map(codeOf))).toEqual(['FORBIDDEN', 'FORBIDDEN']);
});

const isTenant = (): boolean => true;

it.each([
  [{ place: 'row' as never, isTenant }, 'tenants.place'],
  [{ place: 'schema' }, 'tenants.isTenant'],
  [{ place: () => undefined, isTenant }, 'tenants.isTenant'],
  [{ place: 'schema', isTenant, partitions: 3 }, 'tenants.partitions'],
  [{ place: 'schema', isTenant, role: 'r' }, 'tenants.role'],
] as const)('refuses %j', async (tenants, message) => {
  await expect(startNodeHost({ allowAnonymous: true, port: 0, tenants })).rejects.toThrow(message);
});

it('refuses what takes part in transactions, which knows no tenants', async () => {
  const options = {
    allowAnonymous: true,
    port: 0,
    inline: () => ({ participants: [], decode: () => undefined as never }),
  };
  const started = startNodeHost({ ...options, tenants: { place: 'schema', isTenant: () => true } });
  await expect(started).rejects.toThrow('inline');
});

describe('the command', () => {
  it('says where tenants are, and which there are', async () => {
    const options = parseCliOptions(['--tenants', 'shared', '--tenant', 'acme', '--tenant', 'b b'], {});
    expect(options).toMatchObject({ tenants: { place: 'shared' } });
    const { isTenant } = (options as NodeHostOptions).tenants!;
    expect([isTenant?.('acme'), isTenant?.('b b'), isTenant?.('b')]).toEqual([true, true, false]);
    expect(parseCliOptions([], {})).toMatchObject({ tenants: undefined });
  });

  it.each([[['--tenants', 'shared']], [['--tenant', 'acme']], [['--tenants', 'rows', '--tenant', 'acme']]])(
    'refuses %j',
    (args) => {
      expect(() => parseCliOptions(args, {})).toThrow('--tenants');
    },
  );
});

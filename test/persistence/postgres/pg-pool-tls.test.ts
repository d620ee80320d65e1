import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { postgresAddress } from '../../../src/configuration/database-address.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPoolOptions } from '../../../src/persistence/postgres/index.js';
import { checkedAddress } from '../../../src/persistence/postgres/pg-address.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { openPostgresTls } from '../../support/postgres-tls.js';
import type { TlsPostgres } from '../../support/postgres-tls.js';
import { selfSigned } from '../../support/self-signed.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';

const certificate = selfSigned();
let server: TlsPostgres;
let folder: string;
let caFile: string;

beforeAll(async () => {
  server = await openPostgresTls(inject('pgUrl'), certificate);
  folder = (await makeTemporaryFolder()).path;
  caFile = join(folder, 'ca.pem');
  await writeFile(caFile, certificate.cert);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Records and reads by a pool, and says whether that went through TLS. */
async function record(options: PgPoolOptions): Promise<boolean> {
  const before = server.secured.count;
  await using pool = await createPgPool(options);
  const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
  await recorder.createTable();
  const id = newOriginatorId();
  await recorder.insertEvents([sampleEvent(id, 1)]);
  expect(await recorder.selectEvents(id)).toHaveLength(1);
  return server.secured.count > before;
}

describe('TLS', () => {
  it('is set up, and the certificate verified, by an authority that is given', async () => {
    const { cert: ca } = certificate;
    expect(await record({ connectionString: server.url('localhost'), ssl: { ca } })).toBe(true);
    expect(await record({ connectionString: server.url('127.0.0.1'), ssl: { ca } })).toBe(true);
  });

  it.each(['sslmode=verify-full', 'ssl=verify-full', 'ssl=require', 'ssl=true', 'sslmode=require'])(
    'is set up by an address that says %s, and where the authority is',
    async (word) => {
      const connectionString = server.url('localhost', `?${word}&sslrootcert=${encodeURIComponent(caFile)}`);
      expect(await record({ connectionString })).toBe(true);
    },
  );

  it.each(['sslmode=no-verify', 'ssl=no-verify'])('is set up with anybody by an address that says %s', async (word) => {
    expect(await record({ connectionString: server.url('localhost', `?${word}`) })).toBe(true);
  });

  it.each(['ssl=require', 'ssl=true', 'sslmode=verify-full'])(
    'is refused to a certificate that nobody vouches for, by %s',
    async (word) => {
      const refused = record({ connectionString: server.url('localhost', `?${word}`) });
      await expect(refused).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    },
  );

  it('is refused to a certificate of another authority', async () => {
    const { cert: ca } = selfSigned();
    const refused = record({ connectionString: server.url('localhost'), ssl: { ca } });
    await expect(refused).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });
});

describe('addresses as their hosts give them', () => {
  const verified = (): string => `sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  const plain = { host: 'localhost', port: 5432, user: 'app', database: 'app', isSecure: false };
  const addresses: readonly (readonly [string, () => string, object])[] = [
    ['of one’s own machine', () => 'postgres://app:secret@localhost/app', plain],
    ['with a driver of Python', () => 'postgresql+asyncpg://app:secret@localhost:5432/app?ssl=disable', plain],
    [
      'of Amazon RDS',
      () => `postgres://app:secret@db.abc.eu-central-1.rds.amazonaws.com:5432/app?${verified()}`,
      { ...plain, host: 'db.abc.eu-central-1.rds.amazonaws.com', isSecure: true },
    ],
    [
      'of Google Cloud SQL, by its socket',
      () => 'postgres://app:secret@/app?host=/cloudsql/project:europe-west1:main',
      { ...plain, host: '/cloudsql/project:europe-west1:main' },
    ],
    [
      'of Azure, with the server in the name',
      () => 'postgres://app%40main:secret@main.postgres.database.azure.com:5432/app?sslmode=require',
      { ...plain, host: 'main.postgres.database.azure.com', user: 'app@main', isSecure: true },
    ],
    [
      'of Supabase, by its pooler',
      () =>
        'postgres://postgres.ref:secret@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true&ssl=require',
      {
        ...{ host: 'aws-0-eu-central-1.pooler.supabase.com', port: 6543, user: 'postgres.ref', database: 'postgres' },
        isSecure: true,
      },
    ],
    [
      'of Neon',
      () => 'postgresql://app:secret@ep-1.eu-central-1.aws.neon.tech/app?sslmode=require&channel_binding=require',
      { ...plain, host: 'ep-1.eu-central-1.aws.neon.tech', isSecure: true },
    ],
  ];

  it.each(addresses)('%s', (_what, address, expected) => {
    const configured = postgresAddress(address());
    const connectionString = checkedAddress(configured);
    const client = new pg.Client(connectionString);
    const { ssl } = client as { readonly ssl: unknown };
    const { host, port, user, database, password } = client;
    expect({ host, port, user, database, isSecure: Boolean(ssl) }).toEqual(expected);
    expect(password).toBe('secret');
  });
});

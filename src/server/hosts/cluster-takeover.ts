/**
 * Clears the way before an embedded PostgreSQL starts on a folder: a host that was killed leaves PostgreSQL running,
 * or, when the whole machine went down, a stale lock file.
 *
 * | `postmaster.pid` names | it is | done |
 * |---|---|---|
 * | nothing, or a process that is gone | a clean or a crashed stop | nothing: PostgreSQL recovers by itself |
 * | a PostgreSQL on this folder, host lock taken | another living host | `DatabaseInUseError` |
 * | a PostgreSQL on this folder, host lock free | left by a host that died | stopped in good order |
 * | a process that is surely something else | a process id used again | the file is removed |
 * | a process that tells nothing | anything | `DatabaseInUseError`: nothing is guessed |
 *
 * @module
 */
import { readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createPgPool } from '../../persistence/postgres/index.js';
import { isAlive, readPassword, readPostmasterLock } from './cluster-folder.js';
import type { PostmasterLock } from './cluster-folder.js';
import { DatabaseInUseError } from './host-errors.js';
import { HostLock } from './host-lock.js';
import { eventually } from './time-limit.js';

// A PostgreSQL that is starting, recovering or stopping does not take connections for a while.
const ANSWER_WAIT_MS = 10_000;
// The sessions of a host that was killed end within moments; its lock with them.
const LOCK_WAIT_MS = 3_000;
// A fast shutdown writes a checkpoint.
const STOP_WAIT_MS = 30_000;
const PROBE_TIMEOUT_MS = 2_000;

/** The address of an embedded PostgreSQL. */
export function embeddedUrl(port: number, password: string): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
}

/**
 * @throws DatabaseInUseError (`DATABASE_IN_USE`) when another host works on the folder, or when it cannot be told
 */
export async function clearTheWay(clusterDir: string): Promise<void> {
  const lock = await readPostmasterLock(clusterDir);
  if (lock === undefined || !isAlive(lock.pid)) return;
  if (await isSurelyForeign(lock.pid, clusterDir)) {
    await rm(join(clusterDir, 'postmaster.pid'), { force: true });
    return;
  }
  const password = await readPassword(clusterDir);
  await eventually(async () => !isAlive(lock.pid) || (await servesFolder(clusterDir, password)), ANSWER_WAIT_MS);
  if (isAlive(lock.pid)) await endOrphan(clusterDir, lock, password);
}

async function endOrphan(clusterDir: string, { pid }: PostmasterLock, password: string): Promise<void> {
  const lock = await readPostmasterLock(clusterDir);
  if (lock?.pid !== pid || !(await servesFolder(clusterDir, password))) throw undecided(clusterDir, pid);
  const url = embeddedUrl(lock.port, password);
  if (!(await eventually(() => isLockFree(url), LOCK_WAIT_MS))) throw inUse(clusterDir, pid);
  // SIGINT is PostgreSQL's fast shutdown: sessions end, and everything is written.
  process.kill(pid, 'SIGINT');
  if (!(await eventually(() => !isAlive(pid), STOP_WAIT_MS))) throw undecided(clusterDir, pid);
}

async function isLockFree(url: string): Promise<boolean> {
  const lock = await HostLock.acquire(url).catch(() => undefined);
  await lock?.release();
  return lock !== undefined;
}

/** Whether the PostgreSQL at the recorded port has exactly this folder open. */
async function servesFolder(clusterDir: string, password: string): Promise<boolean> {
  const lock = await readPostmasterLock(clusterDir);
  if (lock === undefined || !(lock.port > 0)) return false;
  const pool = await createPgPool({
    connectionString: embeddedUrl(lock.port, password),
    poolSize: 1,
    maxOverflow: 0,
    connectTimeoutMs: PROBE_TIMEOUT_MS,
    queryTimeoutMs: PROBE_TIMEOUT_MS,
  });
  try {
    const { rows } = await pool.query("SELECT current_setting('data_directory') AS folder");
    return (await realpath(String(rows[0]?.['folder']))) === clusterDir;
  } catch {
    return false;
  } finally {
    await pool.end();
  }
}

/** Where the platform tells: a postmaster works in its cluster's folder, so a process elsewhere is not ours. */
async function isSurelyForeign(pid: number, clusterDir: string): Promise<boolean> {
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder !== undefined && folder !== clusterDir;
}

function inUse(clusterDir: string, pid: number): DatabaseInUseError {
  return new DatabaseInUseError(
    `Another host works on ${clusterDir} (PostgreSQL is process ${pid}). Stop that host, or use another data folder.`,
    { details: { clusterDir, pid } },
  );
}

function undecided(clusterDir: string, pid: number): DatabaseInUseError {
  return new DatabaseInUseError(
    `Process ${pid} may be a PostgreSQL on ${clusterDir}, but does not answer. If it is, stop it; if it surely is not, delete postmaster.pid in that folder.`,
    { details: { clusterDir, pid } },
  );
}

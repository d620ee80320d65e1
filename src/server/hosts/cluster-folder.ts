/**
 * The data folder of an embedded PostgreSQL.
 *
 * ```text
 * <databaseDir>/
 *   cluster/              made by initdb, complete as soon as it is there: it is made beside and then renamed
 *     daybook-password    the superuser's password, random, readable by the owner only
 *     postmaster.pid      PostgreSQL's own lock: process id, folder, start time, port
 *   cluster-new-…/        left by a start that was killed in the middle; of no use
 * ```
 *
 * @module
 */
import { access, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseFolderError } from './host-errors.js';

/** In the cluster folder, written before the folder gets its name. */
export const PASSWORD_FILE = 'daybook-password';

const OTHERS_MAY_ENTER = 0o001;

/** What PostgreSQL wrote down about the process that has a cluster open. */
export interface PostmasterLock {
  readonly pid: number;
  readonly port: number;
}

/** Whether this process is root, under which PostgreSQL refuses to run: it runs as the user `postgres` then. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The place of the cluster in a data folder. */
export function clusterDirOf(databaseDir: string): string {
  return join(databaseDir, 'cluster');
}

/**
 * Makes the data folder if it is missing.
 *
 * @returns its real path
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when it cannot be made, or when PostgreSQL could not enter it
 */
export async function prepareDatabaseDir(databaseDir: string): Promise<string> {
  try {
    await mkdir(databaseDir, { recursive: true });
  } catch (cause) {
    throw new DatabaseFolderError(`The data folder ${databaseDir} cannot be made.`, {
      cause,
      details: { databaseDir },
    });
  }
  const path = await realpath(databaseDir);
  if (isRoot()) await checkEnterable(path, 'the data folder', 'Choose another folder with databaseDir (--data)');
  return path;
}

/**
 * As root only: makes sure that the user `postgres` can reach a folder.
 *
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) naming the first folder on the way that it cannot enter
 */
export async function checkEnterable(path: string, what: string, remedy: string): Promise<void> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & OTHERS_MAY_ENTER) === 0) {
      throw new DatabaseFolderError(
        `PostgreSQL does not run as root, and the user postgres cannot reach ${what} ${path}: others may not enter ${folder}. ${remedy}, allow it with chmod o+x ${folder}, run as another user, or give databaseUrl.`,
        { details: { path, folder } },
      );
    }
    if (folder === dirname(folder)) return;
  }
}

/** Whether the cluster was made. */
export async function hasCluster(clusterDir: string): Promise<boolean> {
  return await access(clusterDir).then(
    () => true,
    () => false,
  );
}

/** @throws DatabaseFolderError (`DATABASE_FOLDER`) when the cluster is not one that a host made */
export async function readPassword(clusterDir: string): Promise<string> {
  try {
    return (await readFile(join(clusterDir, PASSWORD_FILE), 'utf8')).trim();
  } catch (cause) {
    throw new DatabaseFolderError(
      `The folder ${clusterDir} has no readable ${PASSWORD_FILE}: it was not made by this host.`,
      {
        cause,
        details: { clusterDir },
      },
    );
  }
}

/** Who has the cluster open, or had it when it was killed; undefined when it was closed. */
export async function readPostmasterLock(clusterDir: string): Promise<PostmasterLock | undefined> {
  const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  // A single-user process writes a negative id, and a postmaster its port a moment after its id.
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, port } : undefined;
}

/** Whether a process runs that could have a cluster of ours open. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: nobody. EPERM: somebody else's process, and a cluster's files can only be used by their owner.
    return false;
  }
}

/**
 * The data folder of an embedded PostgreSQL.
 *
 * ```text
 * <databaseDir>/
 *   cluster/              made by initdb, complete as soon as it is there: it is made beside and then renamed
 *     daybook-password    the superuser's password, random, readable by the owner only
 *     postmaster.pid      PostgreSQL's own lock: process id, folder, start time, port
 *   seal-keys             what pages of units are sealed with, see there: not in the database
 *   cluster-new-…/        entered by nobody else; left by a start that was killed in the middle, and then of no use
 * ```
 *
 * @module
 */
import { constants } from 'node:fs';
import { access, lstat, mkdir, mkdtemp, open, readFile, realpath, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseFolderError } from './host-errors.js';

/** In the cluster folder, written before the folder gets its name. */
export const PASSWORD_FILE = 'daybook-password';

const OTHERS_MAY_ENTER = 0o001;
const OTHERS_MAY_WRITE = 0o022;
const OWNER_ONLY = 0o600;
const ROOT = 0;

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
 * @param uid - who runs PostgreSQL, where that is somebody else
 * @returns its real path
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when it cannot be made, when PostgreSQL could not enter it, or when it is
 *   root's to trust and somebody else's to change
 */
export async function prepareDatabaseDir(databaseDir: string, uid?: number): Promise<string> {
  try {
    await mkdir(databaseDir, { recursive: true });
  } catch (cause) {
    throw new DatabaseFolderError(`The data folder ${databaseDir} cannot be made.`, {
      cause,
      details: { databaseDir },
    });
  }
  const path = await realpath(databaseDir);
  if (!isRoot()) return path;
  await checkEnterable(path, 'the data folder', 'Choose another folder with databaseDir (--data)');
  for (const each of [databaseDir, path]) await checkOwned(each, uid);
  return path;
}

/**
 * As root only: makes sure that nobody can exchange what is in the folder, or the folder by a link to another.
 *
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when somebody else could
 */
async function checkOwned(path: string, postgresUid: number | undefined): Promise<void> {
  const found = await lstat(path);
  const isTrusted = found.uid === ROOT || found.uid === postgresUid;
  // The mode of a link says nothing.
  if (isTrusted && (found.isSymbolicLink() || (found.mode & OTHERS_MAY_WRITE) === 0)) return;
  throw new DatabaseFolderError(
    `The data folder ${path} belongs to user ${found.uid}, or others may write to it: root would keep its database in somebody else's hands. Choose another folder with databaseDir (--data), give it to root (chown root ${path}; chmod go-w ${path}), or run as that user.`,
    { details: { path, uid: found.uid } },
  );
}

/** Makes a folder that only its owner may enter. */
export async function makePrivateFolder(prefix: string, owner: Owner): Promise<string> {
  const path = await mkdtemp(prefix);
  await givePrivateFolder(path, owner);
  return path;
}

/** Gives a folder to another user; a link to one is refused. */
export async function givePrivateFolder(path: string, owner: Owner): Promise<void> {
  // Windows knows no such owners, and cannot open folders.
  if (owner.uid === undefined) return;
  await giveTo(await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW), owner);
}

/** Makes a file that only its owner may read, from its first moment on. */
export async function makePrivateFile(path: string, text: string, owner: Owner): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY);
  await file.writeFile(text);
  // Its name must not outlive a crash without it.
  await file.sync();
  await giveTo(file, owner);
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** By what was opened and not by its name, which may be a link by now. */
async function giveTo(file: FileHandle, { uid, gid }: Owner): Promise<void> {
  try {
    if (uid !== undefined && gid !== undefined) await file.chown(uid, gid);
  } finally {
    await file.close();
  }
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

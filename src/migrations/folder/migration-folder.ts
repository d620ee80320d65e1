/**
 * Migrations as files in a folder.
 *
 * ```text
 * migrations/
 *   0001_orders.up.sql      the version, the name, and which way
 *   0001_orders.down.sql    where there is a way back
 * ```
 *
 * Two files, and not one with two parts: each is plain SQL, which editors, linters and `psql -f` take as it is, and that there
 * is no way back is seen in the list of files. Other files are passed over, but for those that end with `.sql`: a migration
 * whose name has a slip would be left out otherwise.
 *
 * @module
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProgrammingError } from '../../persistence/errors.js';
import { checkName } from '../migration.js';
import type { Migration } from '../migration.js';

const FILE = /^(\d{1,15})_([A-Za-z0-9][A-Za-z0-9_-]*)\.(up|down)\.sql$/;
const DIGITS = 4;

/**
 * Reads the migrations of a folder, for a `Migrator`.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such folder, a file of SQL has another name, or a way back has
 *   no way there; `details.file` names it
 *
 * @example
 * ```ts
 * const migrator = new Migrator({ recorder, migrations: await readMigrations('migrations') });
 * ```
 */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const files = await listed(folder);
  const ups = files.filter(({ way }) => way === 'up');
  const alone = files.find(({ way, stem }) => way === 'down' && !ups.some((up) => up.stem === stem));
  if (alone !== undefined) {
    throw new ProgrammingError(
      `${join(folder, alone.file)} has no ${alone.stem}.up.sql beside it, of the same version and name.`,
      {
        details: { file: alone.file },
      },
    );
  }
  const read = async (file: string): Promise<string> => await readFile(join(folder, file), 'utf8');
  return await Promise.all(
    ups.map(async ({ file, stem, version, name }) => {
      const back = files.find((one) => one.way === 'down' && one.stem === stem);
      const up = await read(file);
      return back === undefined ? { version, name, up } : { version, name, up, down: await read(back.file) };
    }),
  );
}

/**
 * Makes the two files of a new migration, whose version follows the last one.
 *
 * @param folder - is made where there is none
 * @param version - @defaultValue the next one
 * @returns their paths
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot have this name, or the version is taken
 */
export async function createMigration(
  folder: string,
  name: string,
  { version }: { readonly version?: number } = {},
): Promise<readonly string[]> {
  checkName(name);
  await mkdir(folder, { recursive: true });
  const files = await listed(folder);
  const next = version ?? files.reduce((most, one) => Math.max(most, one.version), 0) + 1;
  if (
    !Number.isSafeInteger(next) ||
    next < 1 ||
    String(next).length > 15 ||
    files.some((one) => one.version === next)
  ) {
    throw new ProgrammingError(`${next} is no version for a new migration, or is taken.`, {
      details: { version: next },
    });
  }
  const stem = `${String(next).padStart(DIGITS, '0')}_${name}`;
  const made = [
    [
      `${stem}.up.sql`,
      '-- What this migration does. A line "-- daybook: no-transaction" here runs it outside of a transaction.\n',
    ],
    [`${stem}.down.sql`, '-- The way back. Delete this file if there is none.\n'],
  ] as const;
  for (const [file, text] of made) await writeFile(join(folder, file), text, { flag: 'wx' });
  return made.map(([file]) => join(folder, file));
}

interface ListedFile {
  readonly file: string;
  readonly stem: string;
  readonly version: number;
  readonly name: string;
  readonly way: 'up' | 'down';
}

async function listed(folder: string): Promise<readonly ListedFile[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new ProgrammingError(`There is no folder ${folder} that can be read.`, { cause, details: { file: folder } });
  });
  return names
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const [, version, name = '', way] = FILE.exec(file) ?? [];
      if (version === undefined) {
        throw new ProgrammingError(
          `${join(folder, file)} is not named as a migration is: 0001_name.up.sql or 0001_name.down.sql.`,
          { details: { file } },
        );
      }
      const stem = file.slice(0, -`.${way}.sql`.length);
      return { file, stem, version: Number(version), name, way: way as 'up' | 'down' };
    });
}

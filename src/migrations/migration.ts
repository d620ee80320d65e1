/**
 * Migrations as they are given, and checked before anything is asked of a database.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { toHex } from '../persistence/sha256.js';
import { isStorableText } from '../persistence/validation.js';
import { sha256Now } from '../util/sha256-now.js';
import { readScript } from './sql-script.js';
import type { SqlScript } from './sql-script.js';

/** Characters of a name. */
export const NAME_LENGTH_MAX = 80;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** A step from one layout of the application's tables to the next, and perhaps the way back. */
export interface Migration {
  /** From 1 up: the order. Numbers may be left out, so they may be times as well (`20260131120000`). */
  readonly version: number;
  /** For people: 1 to 80 letters, digits, `_` and `-`. */
  readonly name: string;
  /** Statements of SQL, separated by semicolons. A line `-- daybook: no-transaction` above them: outside of any transaction. */
  readonly up: string;
  /** The way back, in the same form. @defaultValue there is none */
  readonly down?: string | undefined;
}

/** A migration that was read. */
export interface CheckedMigration {
  readonly version: number;
  readonly name: string;
  readonly up: SqlScript;
  readonly down: SqlScript | undefined;
  /** Of `up`. */
  readonly checksum: string;
}

/** A migration that can be taken back. */
export interface RevertibleMigration extends Omit<CheckedMigration, 'down'> {
  readonly down: SqlScript;
}

/**
 * Checks migrations, and puts them into their order.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one is not what it should be, or two have one version
 */
export function checkMigrations(migrations: readonly Migration[]): readonly CheckedMigration[] {
  if (!Array.isArray(migrations)) throw new ProgrammingError('migrations must be a list.');
  const checked = (migrations as readonly Migration[])
    .map(checkMigration)
    .sort((one, other) => one.version - other.version);
  for (const [index, { version, name }] of checked.entries()) {
    const before = checked[index - 1];
    if (before?.version !== version) continue;
    throw new ProgrammingError(
      `Two migrations have the version ${version}: ${before.name} and ${name}. Give the one that is applied nowhere yet a higher one.`,
      { details: { version } },
    );
  }
  return checked;
}

function checkMigration(migration: Migration): CheckedMigration {
  if (typeof (migration as unknown) !== 'object' || (migration as unknown) === null) {
    throw new ProgrammingError('A migration must be an object with version, name and up.');
  }
  const { version, name, up, down } = migration;
  checkVersion('version', version);
  checkName(name);
  const what = `The migration ${version} (${name})`;
  return {
    version,
    name,
    up: readScript(`${what}, up,`, up),
    down: down === undefined ? undefined : readScript(`${what}, down,`, down),
    checksum: checksumOf(up),
  };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none */
export function checkVersion(what: string, version: number, min = 1): void {
  if (Number.isSafeInteger(version) && version >= min) return;
  throw new ProgrammingError(`${what} must be a whole number from ${min} up.`, {
    details: { [what]: String(version) },
  });
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none */
export function checkName(name: string): void {
  if (typeof (name as unknown) === 'string' && name.length <= NAME_LENGTH_MAX && NAME.test(name)) return;
  throw new ProgrammingError(
    `A migration's name must be 1 to ${NAME_LENGTH_MAX} letters, digits, _ and -, the first no sign, but is ${JSON.stringify(name)}.`,
  );
}

/** Says by which text something was done, whatever the ends of its lines, and the space at its end, became in between. */
export function checksumOf(text: string): string {
  if (!isStorableText(text)) throw new ProgrammingError('SQL is a text without zeros and halves of characters.');
  const plain = text
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
    .trimEnd();
  return toHex(sha256Now(new TextEncoder().encode(plain)));
}

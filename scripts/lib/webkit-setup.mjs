// Finds WebKitGTK, its driver and a screen for it. Nothing is installed here: unlike the browsers that everything is
// tested in, it is there on few systems, and needs a good part of a desktop.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find-program.mjs';
import { systemPath } from './project.mjs';

// MiniBrowser belongs to the library, in a folder of the library's version, which is no folder of PATH.
const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/libexec', '/usr/local/lib', '/usr/local/libexec'];
const WEBKIT_FOLDER = /^webkit2?gtk-\d/;

/**
 * @typedef {object} WebKitSetup
 * @property {Record<string, string>} env - for the tests
 * @property {readonly string[]} missing - Debian's packages of what is not there; the tests can run when it is empty
 */

/** @returns {WebKitSetup} */
export function findWebKit() {
  const miniBrowser = process.env.MINIBROWSER_PATH ?? findProgram('MiniBrowser', webKitFolders());
  const isWebKitThere = miniBrowser !== undefined && isOnPath('WebKitWebDriver');
  return {
    env: miniBrowser === undefined ? {} : { MINIBROWSER_PATH: miniBrowser },
    missing: [...(isWebKitThere ? [] : ['webkit2gtk-driver']), ...(isOnPath('Xvfb') ? [] : ['xvfb'])],
  };
}

function isOnPath(program) {
  return findProgram(program, [systemPath()]) !== undefined;
}

/** In a library folder, or in one for this machine's architecture below it. */
function webKitFolders() {
  const folders = LIBRARY_FOLDERS.flatMap((folder) => [folder, ...inside(folder, /-linux-/)]);
  return folders.flatMap((folder) => inside(folder, WEBKIT_FOLDER));
}

function inside(folder, pattern) {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .map((name) => join(folder, name));
  } catch {
    // Not every system has all of them.
    return [];
  }
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @param {string} program
 * @param {readonly string[]} paths - each a folder, or several as in PATH
 * @returns {string | undefined} where it lies
 */
export function findProgram(program, paths) {
  return paths
    .join(delimiter)
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

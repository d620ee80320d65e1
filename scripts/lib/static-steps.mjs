// What can be said of the sources without running them. Shared by `npm run check` and .ci/run.
import { join } from 'node:path';
import { BIN, run } from './project.mjs';

const program =
  (name, ...args) =>
  async () =>
    (await run(join(BIN, name), args)).code;

/**
 * The one that takes longest is first.
 *
 * @type {readonly import('./step-table.mjs').Step[]}
 */
export const STATIC_STEPS = [
  { name: 'lint', run: program('eslint', '--max-warnings', '0', '--cache', '--cache-location', '.cache/eslint', '.') },
  { name: 'format', run: program('prettier', '--check', '--log-level', 'warn', '.') },
  { name: 'types', run: program('tsc', '-p', '.') },
  // What Cloudflare calls a Request is not what a browser does: its tests have their own globals.
  { name: 'types in workerd', run: program('tsc', '-p', 'test/workerd') },
  // Declarations are made file by file, so every export of the package must say its type.
  {
    name: 'declarations',
    run: program('tsc', '-p', 'tsconfig.build.json', '--emitDeclarationOnly', 'false', '--noEmit'),
  },
  {
    name: 'imports',
    run: program('depcruise', '--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src', 'worker', 'demo'),
  },
];

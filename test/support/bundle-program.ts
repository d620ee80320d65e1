/**
 * Programs of a test in one file, for other processes and other runtimes.
 *
 * @module
 */
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '../..');

/**
 * @param program - code, which may import by the whole path of a file
 * @param runtime - where it is to run
 */
export async function bundleProgram(program: string, runtime: 'node' | 'workerd'): Promise<string> {
  const virtual: Readonly<Record<string, string>> = {
    '\0program': program,
    // What pg looks for, and does without.
    'pg-native': 'export default undefined;',
  };
  const bundle = await rolldown({
    input: '\0program',
    cwd: ROOT,
    // What the runtime has of Node by its flag is external, too.
    external: ['cloudflare:workers', /^node:/, ...builtinModules],
    platform: 'node',
    tsconfig: join(ROOT, 'tsconfig.json'),
    resolve: runtime === 'workerd' ? { conditionNames: ['workerd'] } : {},
    logLevel: 'silent',
    plugins: [
      {
        name: 'programs',
        resolveId: (id) => (id in virtual ? id : null),
        load: (id) => virtual[id] ?? null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  if (runtime === 'node') return output[0].code;
  // Where a module lies in the runtime, it does not say; it has what is required of Node anywhere.
  return output[0].code.replaceAll('import.meta.url', "'file:///worker.mjs'");
}

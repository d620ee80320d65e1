// Type-checks the packed package as those who install it do: by the oldest TypeScript that is promised and by the newest,
// with a page's types and without, and with the declarations of libraries looked at too (`skipLibCheck: false`).
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NODE_MODULES, run } from './project.mjs';

// What has no page in it must be readable without the types of one; what has must not ask for Node's.
const PROJECTS = {
  'back end, no DOM': {
    entries: [
      'core',
      'application',
      'publishing',
      'nats',
      'node-sqlite',
      'session',
      'transfer',
      'archive',
      'live',
      'states',
      'operations',
      'migrations',
      'postgres',
      'durable-object',
      'd1',
      'hub',
      'mongodb',
      'server',
      'node',
      'testing',
    ],
    options: { lib: ['es2022'], types: ['node'] },
  },
  'page, no Node': {
    entries: [
      '',
      'core',
      'application',
      'publishing',
      'host',
      'sync',
      'service-worker',
      'sqlite',
      'transfer',
      'live',
      'states',
      'operations',
      'migrations',
      'worker.js',
      'backup-worker.js',
      'rescue-part.js',
    ],
    options: { lib: ['es2022', 'dom', 'dom.iterable'], types: [] },
  },
};

// Brought along by a tool that is pinned; installed by its own name it would take the place of the other one's program.
const OLDEST_TYPESCRIPT = createRequire(
  createRequire(join(NODE_MODULES, '@arethetypeswrong/cli/package.json')).resolve('@arethetypeswrong/core'),
).resolve('typescript/package.json');
const COMPILERS = { oldest: OLDEST_TYPESCRIPT, newest: join(NODE_MODULES, 'typescript/package.json') };
const OLDEST_VERSION = /^5\.6\./;

/**
 * @param {string} packed - the folder of the unpacked package
 * @param {string} folder - an empty one, for the projects that use it
 */
export async function typeCheckConsumer(packed, folder) {
  installInto(folder, packed);
  const { version } = createRequire(import.meta.url)(OLDEST_TYPESCRIPT);
  if (!OLDEST_VERSION.test(version))
    throw new Error(`The oldest TypeScript is ${version}, not the one that the README promises.`);
  const problems = [];
  for (const [project, { entries, options }] of Object.entries(PROJECTS)) {
    for (const [age, manifest] of Object.entries(COMPILERS)) {
      const lines = await problemsOf(folder, { entries, options, compiler: join(dirname(manifest), 'bin/tsc'), age });
      problems.push(...lines.map((line) => `${project}, ${age} TypeScript: ${line}`));
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** The package as a copy, because a compiler does not take a linked one for a library; what it imports by links. */
function installInto(folder, packed) {
  const installed = join(folder, 'node_modules');
  mkdirSync(installed, { recursive: true });
  cpSync(packed, join(installed, 'daybook'), { recursive: true });
  for (const name of readdirSync(NODE_MODULES)) {
    if (name.startsWith('.') || existsSync(join(installed, name))) continue;
    symlinkSync(join(NODE_MODULES, name), join(installed, name));
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
}

async function problemsOf(folder, { entries, options, compiler, age }) {
  const names = entries.map((entry, index) => ({
    specifier: entry === '' ? 'daybook' : `daybook/${entry}`,
    as: `entry${index}`,
  }));
  const code = names.map(({ specifier, as }) => `import * as ${as} from '${specifier}';`).join('\n');
  writeFileSync(join(folder, 'consumer.ts'), `${code}\nexport { ${names.map(({ as }) => as).join(', ')} };\n`);
  const compilerOptions = {
    ...options,
    ...{
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: 'es2022',
      module: 'nodenext',
      moduleResolution: 'nodenext',
    },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const { code: exitCode, output } = await run(process.execPath, [compiler, '-p', folder], { capture: true });
  if (exitCode === 0) return [];
  const lines = output.split('\n').filter((line) => /error TS\d+/.test(line));
  if (lines.length === 0) return [output];
  // Hono's and pg's declarations ask for newer ones than ours do; whoever uses an older compiler skips those.
  return age === 'newest' ? lines : lines.filter((line) => /(^|\/)(daybook\/dist\/|consumer\.ts)/.test(line));
}

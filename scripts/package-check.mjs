// Looks at what would be published, as those who install it will see it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, DIST, ROOT, runOrFail, sharedTmp } from './lib/project.mjs';
import { runSteps } from './lib/step-table.mjs';

const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
// What is no module of JavaScript.
const UNTYPED_ENTRIES = ['sql-wasm.wasm', 'package.json'];
await mainOnOwnNode(import.meta.url, async () => {
  if (!existsSync(join(DIST, 'types'))) await runOrFail(process.execPath, ['scripts/build.mjs']);
  const folder = mkdtempSync(join(sharedTmp(), 'daybook-pack-'));
  try {
    const { failed } = await checkPacked(folder);
    return failed > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function checkPacked(folder) {
  await runOrFail('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { capture: true });
  const tarball = join(folder, readdirSync(folder)[0]);
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const packed = join(folder, 'package');
  const { assertLoadable } = await import('./lib/loadable-build.mjs');
  const { importsOf, packageOf } = await import('./lib/module-imports.mjs');
  const { typeCheckConsumer } = await import('./lib/type-check-consumer.mjs');
  const { bundleConsumer } = await import('./lib/bundle-consumer.mjs');
  return runSteps([
    {
      name: 'publint',
      run: async () => runOrFail(join(BIN, 'publint'), ['run', tarball, '--strict'], { capture: true }),
    },
    { name: 'attw', run: async () => runOrFail(join(BIN, 'attw'), attwArguments(tarball), { capture: true }) },
    { name: 'types of consumers', run: async () => typeCheckConsumer(packed, join(folder, 'consumer')) },
    { name: 'bundles of consumers', run: async () => bundleConsumer(join(folder, 'consumer')) },
    { name: 'loadable', run: async () => assertLoadable(join(packed, 'dist')) },
    { name: 'declared imports', run: async () => assertDeclared(packed, importsOf, packageOf) },
    { name: 'lock', run: async () => assertPortableLock() },
    { name: 'no machine paths', run: async () => assertNoMachinePaths([...trackedFiles(), ...filesBelow(packed)]) },
  ]);
}

function attwArguments(tarball) {
  return [
    tarball,
    '--profile',
    'esm-only',
    '--exclude-entrypoints',
    ...UNTYPED_ENTRIES,
    '--format',
    'ascii',
    '--no-color',
  ];
}

/** Everything that an entry reaches, code and types, must come with the package or be declared by it. */
function assertDeclared(packed, importsOf, packageOf) {
  const declared = new Set([
    ...builtinModules,
    ...Object.keys(PACKAGE.dependencies),
    ...Object.keys(PACKAGE.peerDependencies),
  ]);
  const undeclared = new Set();
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(readFileSync(file, 'utf8'))) {
      const name = packageOf(specifier);
      if (name !== undefined && !declared.has(name)) undeclared.add(`${name} in ${relative(packed, file)}`);
      if (specifier.startsWith('.')) visit(join(dirname(file), typesOrCode(file, specifier)));
    }
  };
  for (const entry of Object.values(PACKAGE.exports)) {
    for (const file of Object.values(typeof entry === 'string' ? { entry } : entry)) {
      if (/\.[jt]s$/.test(file)) visit(join(packed, file));
    }
  }
  if (undeclared.size > 0) throw new Error(`Imported but not declared: ${[...undeclared].join(', ')}`);
}

// Declarations import each other by the names that the code will have.
function typesOrCode(file, specifier) {
  return file.endsWith('.d.ts') ? specifier.replace(/\.js$/, '.d.ts') : specifier;
}

/** A lock that names addresses would send everyone to the registry of whoever wrote it. */
function assertPortableLock() {
  const resolved = readFileSync(join(ROOT, 'package-lock.json'), 'utf8').match(/"resolved"/g) ?? [];
  if (resolved.length > 0) throw new Error(`package-lock.json has ${resolved.length} "resolved" fields.`);
}

function assertNoMachinePaths(files) {
  const paths = machinePaths();
  const guilty = files.filter((file) => {
    const text = readFileSync(file, 'utf8');
    return paths.some((pattern) => pattern.test(text));
  });
  if (guilty.length > 0)
    throw new Error(`Paths of a machine in ${guilty.map((file) => relative(ROOT, file)).join(', ')}`);
}

/** Homes of people, and this folder; not within an address or a relative path. */
function machinePaths() {
  const homes = /(?<![\w.-])\/(?:(?:home|Users)\/[a-z][\w.-]*|root)\//;
  // A folder directly below the root has too common a name to look for.
  const isSpecific = ROOT.split('/').length > 2;
  return isSpecific ? [homes, new RegExp(`(?<![\\w.-])${RegExp.escape(ROOT)}/`)] : [homes];
}

function trackedFiles() {
  return execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .map((file) => join(ROOT, file))
    .filter((file) => file !== join(ROOT, '') && existsSync(file));
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

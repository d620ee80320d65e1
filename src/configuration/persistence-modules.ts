/**
 * Persistence modules by name. An engine is known only where somebody imported it, so that nobody bundles one that
 * is not used.
 *
 * @module
 */
import type { Environment } from '../environment/environment.js';
import { ProgrammingError } from '../persistence/errors.js';
import { MemoryFactory } from '../persistence/memory/memory-factory.js';
import type { RecorderFactoryClass } from '../persistence/recorder-factory.js';

/** Persistence modules by the name that `PERSISTENCE_MODULE` gives. */
export type PersistenceModules = Readonly<Record<string, RecorderFactoryClass>>;

const DEFAULT_MODULE = 'memory';
// In the order of preference; the later ones are older names of the same setting.
const KEYS = ['PERSISTENCE_MODULE', 'INFRASTRUCTURE_FACTORY', 'FACTORY_TOPIC'] as const;
// Deployments of the Python library keep their settings. The first name that is registered is meant.
const PYTHON_MODULES: ReadonlyMap<string, readonly string[]> = new Map([
  ['eventsourcing.popo', [DEFAULT_MODULE]],
  ['eventsourcing.sqlite', ['node-sqlite', 'sqljs']],
  ['eventsourcing.postgres', ['postgres']],
]);
const OWN_MODULES: ReadonlyMap<string, readonly [factory: string, path: string]> = new Map([
  ['node-sqlite', ['NodeSqliteFactory', 'daybook/node-sqlite']],
  ['sqljs', ['SqlJsFactory', 'daybook/sqlite']],
  ['postgres', ['PostgresFactory', 'daybook/postgres']],
  ['mongodb', ['MongoFactory', 'daybook/mongodb']],
]);

const registered = new Map<string, RecorderFactoryClass>([[DEFAULT_MODULE, MemoryFactory]]);

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the name is blank, or what is registered cannot be constructed */
export function registerModule(name: string, module: RecorderFactoryClass): void {
  if (name.trim() === '' || typeof module !== 'function') {
    throw new ProgrammingError(
      `A persistence module is a class registered under a name, but ${JSON.stringify(name)} names ${typeof module}.`,
      { details: { name } },
    );
  }
  registered.set(name, module);
}

/**
 * The module that the environment asks for.
 *
 * @param own - looked at before those that were registered
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) naming the modules that there are, when there is none of this name
 */
export function moduleFor(environment: Environment, own: PersistenceModules): RecorderFactoryClass {
  const modules = new Map([...registered, ...Object.entries(own)]);
  const key = KEYS.find((candidate) => environment.getText(candidate) !== undefined) ?? KEYS[0];
  const names = namesOf(environment.getText(key) ?? DEFAULT_MODULE);
  for (const name of names) {
    const module = modules.get(name);
    if (module !== undefined) return module;
  }
  throw environment.refusal(key, `the name of a registered module (${[...modules.keys()].join(', ')})`, {
    hint: hintFor(names),
  });
}

/** The registered names that a setting may mean. */
function namesOf(setting: string): readonly string[] {
  // Older settings name a class in the module, as in `eventsourcing.sqlite:Factory`.
  const [pythonModule = ''] = setting.split(':');
  return PYTHON_MODULES.get(pythonModule) ?? [setting];
}

function hintFor(names: readonly string[]): string {
  const lines = names.flatMap((name) => {
    const [factory, path] = OWN_MODULES.get(name) ?? [];
    return factory === undefined || path === undefined
      ? []
      : [`import { ${factory} } from '${path}'; InfrastructureFactory.register('${name}', ${factory});`];
  });
  return lines.length === 0
    ? "Register a module of your own with InfrastructureFactory.register('name', TheClass)."
    : `Add: ${lines.join(' or: ')}`;
}

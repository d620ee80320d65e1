import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import type { OutputChunk } from 'rolldown';
import { describe, expect, test } from 'vitest';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Bundled {
  readonly modules: string[];
  /** Those that are loaded with the application, and not when something asks for them. */
  readonly loadedAtOnce: string[];
  readonly imports: string[];
}

/** Bundles an application that imports some of Daybook, and tells which modules went into it. */
async function bundled(code: string): Promise<Bundled> {
  const entry = 'virtual:application';
  const { output } = await build({
    input: entry,
    write: false,
    platform: 'neutral',
    external: [/^[^./]/],
    logLevel: 'silent',
    plugins: [
      {
        name: 'application',
        resolveId: (id) => (id === entry ? { id: entry, external: false } : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
  });
  const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
  const modulesOf = (some: readonly OutputChunk[]): string[] =>
    some.flatMap((chunk) => chunk.moduleIds.map((id) => id.replace(/^.*\/src\//, '')));
  return {
    modules: modulesOf(chunks),
    loadedAtOnce: modulesOf(reachable(chunks)),
    imports: chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]),
  };
}

/** The application's own chunk, and what it imports without waiting. */
function reachable(chunks: readonly OutputChunk[]): readonly OutputChunk[] {
  const found = new Set(chunks.filter((chunk) => chunk.isEntry));
  for (const chunk of found) {
    for (const other of chunks) if (chunk.imports.includes(other.fileName)) found.add(other);
  }
  return [...found];
}

const ENGINES = ['pg', 'sql.js', 'node:sqlite', 'node:async_hooks', 'hono', 'kysely', 'drizzle-orm'];

describe('an application that imports the infrastructure factory', () => {
  test('bundles no engine but memory', async () => {
    const { modules, imports } = await bundled(
      `export { Environment, InfrastructureFactory } from '${source('src/index.ts')}';`,
    );
    expect(modules).toContain('configuration/infrastructure-factory.ts');
    expect(modules).toContain('persistence/memory/memory-factory.ts');
    expect(modules.filter((path) => /^persistence\/(sqlite|postgres|indexeddb|cloudflare)\//.test(path))).toEqual([]);
    for (const engine of ENGINES) expect(imports).not.toContain(engine);
  });

  test('bundles those that it registers', async () => {
    const { modules, imports } = await bundled(
      `import { InfrastructureFactory } from '${source('src/index.ts')}';
       import { SqlJsFactory } from '${source('src/persistence/sqlite/sqljs-factory.ts')}';
       InfrastructureFactory.register('sqljs', SqlJsFactory);`,
    );
    expect(modules).toContain('persistence/sqlite/sqljs-driver.ts');
    expect(imports).toContain('sql.js');
    expect(modules.filter((path) => path.startsWith('persistence/postgres/'))).toEqual([]);
  });
});

describe('an application that is made from a configuration', () => {
  const ENGINE_MODULES = /^persistence\/(sqlite|postgres|indexeddb|cloudflare)\//;

  test('loads an engine only when the configuration chooses it', async () => {
    const { modules, loadedAtOnce, imports } = await bundled(
      `export { createEventSourcing } from '${source('src/server/hosts/index.ts')}';`,
    );
    expect(loadedAtOnce).toContain('configuration/event-sourcing.ts');
    expect(loadedAtOnce.filter((path) => ENGINE_MODULES.test(path))).toEqual([]);
    expect(modules).toContain('persistence/sqlite/node-sqlite-driver.ts');
    expect(modules).toContain('persistence/postgres/pg-pool.ts');
    // Loading the engine of files does not load sql.js.
    expect(imports).not.toContain('sql.js');
  });

  test('is nothing that the main entry brings along', async () => {
    const { modules } = await bundled(`export * from '${source('src/index.ts')}';`);
    expect(modules).toContain('configuration/infrastructure-factory.ts');
    for (const file of ['event-sourcing', 'configured-engine']) {
      expect(modules).not.toContain(`configuration/${file}.ts`);
    }
  });
});

import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import type { OutputChunk } from 'rolldown';
import { describe, expect, test } from 'vitest';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Bundles an application that imports some of Daybook, and tells which modules went into it. */
async function bundled(code: string): Promise<{ modules: string[]; imports: string[] }> {
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
  return {
    modules: chunks.flatMap((chunk) => chunk.moduleIds.map((id) => id.replace(/^.*\/src\//, ''))),
    imports: chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]),
  };
}

const ENGINES = ['pg', 'sql.js', 'node:sqlite', 'node:async_hooks', 'hono', 'kysely', 'drizzle-orm'];

describe('an application that imports the infrastructure factory', () => {
  test('bundles no engine but memory', async () => {
    const { modules, imports } = await bundled(
      `export { Environment, InfrastructureFactory } from '${source('src/index.ts')}';`,
    );
    expect(modules).toContain('persistence/infrastructure/infrastructure-factory.ts');
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

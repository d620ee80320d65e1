// Measures the layouts of tenants in PostgreSQL for docs/scale.md: node bench/layouts.mjs [--tenants N] [--seconds N]
// No benchmark of `npm run bench`: it compares Daybook with itself, and prints figures, not ratios with a target.
import { mkdtempSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ROOT, run } from '../scripts/lib/project.mjs';
import { mainOnOwnNode } from '../scripts/lib/own-node.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: join(ROOT, 'bench/layouts/layouts.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const dir = mkdtempSync(join(ROOT, 'bench/dist-layouts-'));
  try {
    await build.write({ dir, format: 'es', codeSplitting: false });
    return (await run(process.execPath, [join(dir, 'layouts.js'), ...process.argv.slice(2)], { cwd: ROOT })).code;
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/**
 * Runs the demo's server in Cloudflare's runtime on this machine, in place of Node and PostgreSQL.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare, Response as RuntimeResponse } from 'miniflare';
import { rolldown } from 'rolldown';
import { HOSTNAME } from '../demo-settings.ts';

/** What the demo's server is told. */
export interface EdgeOptions {
  readonly projectDir: string;
  /** Where the object keeps what it has stored. */
  readonly dataDir: string;
  readonly port: number;
  /** Of the page. */
  readonly origins: readonly string[];
  /** Answers what is not the warehouse's: the files of the page. */
  readonly page: (request: Request) => Promise<Response>;
}

/** A server that runs. */
export interface EdgeServer extends AsyncDisposable {
  readonly url: string;
}

/** Starts it. What was stored before is there again. */
export async function startEdge({ projectDir, dataDir, port, origins, page }: EdgeOptions): Promise<EdgeServer> {
  mkdirSync(dataDir, { recursive: true });
  const code = await bundled(projectDir);
  const keepSignals = ownSignals();
  const runtime = new Miniflare({
    ...convertV4MiniflareOptions({
      name: 'stockcount',
      modules: [{ type: 'ESModule', path: 'worker.mjs', contents: code }],
      compatibilityDate: '2026-10-01',
      compatibilityFlags: ['nodejs_compat'],
      cf: false,
      host: HOSTNAME,
      port,
      bindings: { ORIGINS: JSON.stringify(origins), SEAL_KEY: sealKeyOf(dataDir) },
      durableObjects: { WAREHOUSE: { className: 'Warehouse', useSQLite: true } },
      serviceBindings: {
        PAGE: async ({ url, method }: { readonly url: string; readonly method: string }) => {
          const { status, headers, body } = await page(new Request(url, { method }));
          const bytes = body === null ? null : await new Response(body).arrayBuffer();
          return new RuntimeResponse(bytes, { status, headers: [...headers] });
        },
      },
    }),
    resourcePersistencePath: dataDir,
  });
  keepSignals();
  try {
    await runtime.ready;
  } catch (error) {
    await runtime.dispose().catch(() => undefined);
    throw error;
  }
  return { url: `http://localhost:${port}`, [Symbol.asyncDispose]: () => runtime.dispose() };
}

/** The runtime's host would end this process by itself at a signal. @returns has what listens now listen alone */
function ownSignals(): () => void {
  const all = (['SIGINT', 'SIGTERM'] as const).map((signal) => [signal, process.listeners(signal)] as const);
  return () => {
    for (const [signal, ours] of all) {
      for (const listener of process.listeners(signal)) if (!ours.includes(listener)) process.off(signal, listener);
    }
  };
}

/** Made once, beside what it seals: devices bring back what is lost of the object only as long as it is there. */
function sealKeyOf(dataDir: string): string {
  const file = join(dataDir, 'seal-key');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

async function bundled(projectDir: string): Promise<string> {
  const bundle = await rolldown({
    input: join(projectDir, 'demo/server/edge/demo-hub.ts'),
    cwd: projectDir,
    external: [/^node:/, ...builtinModules],
    platform: 'node',
    logLevel: 'silent',
    resolve: { conditionNames: ['workerd'], alias: { 'daybook/hub': join(projectDir, 'dist/hub.js') } },
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  return output[0].code.replaceAll('import.meta.url', "'file:///worker.mjs'");
}

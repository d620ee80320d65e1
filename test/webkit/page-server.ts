/**
 * Serves the page of `killed-browser.spec.ts`, built as applications build theirs, and hears what it tells.
 *
 * @module
 */
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import type { Plugin } from 'vite';

/** One event whose commit was acknowledged to the page. */
export interface AcknowledgedEvent {
  readonly id: number;
  readonly originatorId: string;
  readonly originatorVersion: number;
}

/** Everything that the page found in its store when it opened it. */
export type FoundEvents = readonly AcknowledgedEvent[];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = `<!doctype html><title>Daybook</title><script type="module" src="/test/webkit/killed-browser-page.ts"></script>`;

/** The page on a port of its own. */
export class PageServer {
  readonly address: string;
  readonly #told: EventEmitter;
  readonly #close: () => Promise<void>;
  readonly #acknowledged: AcknowledgedEvent[] = [];

  private constructor(address: string, told: EventEmitter, close: () => Promise<void>) {
    this.address = address;
    this.#told = told;
    this.#close = close;
    told.on('acknowledged', (event: AcknowledgedEvent) => this.#acknowledged.push(event));
  }

  static async start(): Promise<PageServer> {
    const told = new EventEmitter();
    const server = await createServer({
      root: ROOT,
      configFile: false,
      cacheDir: '.cache/vite-webkit',
      logLevel: 'warn',
      appType: 'custom',
      plugins: [listener(told)],
      // What Vite meets later reloads the page.
      optimizeDeps: { noDiscovery: true, include: ['comlink', 'dequal', 'dequal/lite', 'uuid', 'valibot'] },
      server: { host: '127.0.0.1', port: 0, hmr: false, ws: false },
    });
    await server.listen();
    const address = server.resolvedUrls?.local[0];
    if (address === undefined) throw new Error('The server has no address.');
    return new PageServer(address, told, () => server.close());
  }

  /** Every event whose commit the page has told of so far, in all its lives. */
  get acknowledged(): readonly AcknowledgedEvent[] {
    return this.#acknowledged;
  }

  /** What the page finds when it opens its store next. Rejects when the page fails, or with the signal's reason. */
  async nextFound(signal: AbortSignal): Promise<FoundEvents> {
    const [found] = (await once(this.#told, 'found', { signal })) as [FoundEvents];
    return found;
  }

  /** Resolves when the page has told of more acknowledged events. */
  async moreAcknowledged(count: number, signal: AbortSignal): Promise<void> {
    const goal = this.#acknowledged.length + count;
    while (this.#acknowledged.length < goal) await once(this.#told, 'acknowledged', { signal });
  }

  close(): Promise<void> {
    return this.#close();
  }
}

function listener(told: EventEmitter): Plugin {
  return {
    name: 'killed-browser-page',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [, what] = /^\/told\/(found|acknowledged|failed)$/.exec(request.url ?? '') ?? [];
        if (what !== undefined) {
          hear(told, what, request)
            .then(() => response.end())
            // The browser was killed while it told.
            .catch(() => response.destroy());
        } else if (request.url === '/') {
          response.setHeader('content-type', 'text/html').end(PAGE);
        } else next();
      });
    },
  };
}

async function hear(told: EventEmitter, what: string, request: IncomingMessage): Promise<void> {
  const body: unknown = JSON.parse(await text(request));
  // `error` makes whoever waits with `once` reject.
  if (what === 'failed') told.emit('error', new Error(`The page failed: ${String(body)}`));
  else told.emit(what, body);
}

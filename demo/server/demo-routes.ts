import { serveStatic } from '@hono/node-server/serve-static';
import type { NodeHostContext } from 'daybook/node';
import { Hono } from 'hono';
import type { MiddlewareHandler } from 'hono';
import { BOOKS_ROWS_MAX, readBooks } from './books-query.ts';
import { rowsWanted } from './demo-paths.ts';

// Vite puts a hash into the names of these, so their content never changes.
const HASHED_PATH = '/assets/';
const CACHE_FOR_EVER = 'public, max-age=31536000, immutable';
// Asked for anew each time: a service worker that a cache holds back would hold back every new version.
const CACHE_NEVER = 'no-cache';

// `wasm-unsafe-eval` is SQLite. Connections go to this machine only: `?sync=` may name another port of it. A policy knows
// no addresses of IPv6.
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "connect-src 'self' http://localhost:* http://127.0.0.1:* ws://localhost:* ws://127.0.0.1:*",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  // The page that shows two devices has this one in frames.
  "frame-ancestors 'self'",
].join('; ');

/** Answers what is not the sync server's: the books, and the files of the page. */
export type DemoRoutes = (request: Request, context: NodeHostContext) => Promise<Response>;

/**
 * Makes the demo's own routes.
 *
 * @param pageDir - the folder of the built page
 */
export function demoRoutes(pageDir: string): DemoRoutes {
  const app = new Hono<{ Bindings: NodeHostContext }>();
  app.get('/demo/books', async (c) => {
    c.header('cache-control', 'no-store');
    return c.json(await readBooks(c.env.pool, rowsWanted(c.req.query('limit'), BOOKS_ROWS_MAX)));
  });
  app.use(pageHeaders, serveStatic({ root: pageDir }));
  app.onError((error, c) => {
    console.error('The demo’s server could not answer.', error);
    return c.json({ error: 'The books cannot be read right now.' }, 503);
  });
  return async (request, context) => await app.fetch(request, context);
}

/** The files of the page alone, for a server that has the books elsewhere. */
export function pageRoutes(pageDir: string): (request: Request) => Promise<Response> {
  const app = new Hono();
  app.use(pageHeaders, serveStatic({ root: pageDir }));
  return async (request) => await app.fetch(request);
}

// Set after the file was found: what serveStatic answers with is complete when its own hook is called.
const pageHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  c.header('cache-control', c.res.ok && c.req.path.startsWith(HASHED_PATH) ? CACHE_FOR_EVER : CACHE_NEVER);
  c.header('content-security-policy', CONTENT_SECURITY_POLICY);
  c.header('x-content-type-options', 'nosniff');
  c.header('referrer-policy', 'no-referrer');
};

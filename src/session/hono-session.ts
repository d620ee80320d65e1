/**
 * A session for each request of a Hono application.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
import type { Session } from './async-local-session.js';

// From here on a response says that the server failed, and a client may well send the request again.
const SERVER_ERROR_STATUS_MIN = 500;

/**
 * Runs each request in the session's transaction.
 *
 * - Committed when the handlers are done, before the response leaves: who reads it finds what it speaks of.
 * - Rolled back when a handler threw, whatever `onError` answered, and when the status is 500 or above. A `4xx` that
 *   was not thrown is an answer like any other and is committed; a handler that wants it otherwise calls
 *   `session.rollBack()`.
 * - When the commit itself fails, the error goes to `onError`, and its answer is sent instead.
 *
 * The transaction holds a connection until the handlers are done, and on engines with one writer the others wait: use
 * it on the routes that write, and call slow services outside of it. A streamed body is written after the commit.
 *
 * @example
 * ```ts
 * const session = createSession(recorder);
 * const events = new EventStore({ mapper, recorder: session.recorder });
 * app.use('/orders/*', sessionMiddleware(session));
 * app.post('/orders/:id', async (c) => {
 *   await events.put([placed(c.req.param('id'))]);
 *   return c.text('placed', 201);
 * });
 * ```
 */
export function sessionMiddleware<Connection>(session: Session<Connection>): MiddlewareHandler {
  return async (c, next) => {
    await session.run(async () => {
      await next();
      // Hono turns what a handler throws into a response before `next` resolves, and keeps the error here.
      if (c.error !== undefined || c.res.status >= SERVER_ERROR_STATUS_MIN) session.rollBack();
    });
  };
}

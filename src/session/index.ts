/**
 * Transactions that go along with a task, such as a request.
 *
 * @module
 */
export { createSession } from './async-local-session.js';
export type { Session, SessionOptions, SessionOutcome } from './async-local-session.js';
export { sessionMiddleware } from './hono-session.js';

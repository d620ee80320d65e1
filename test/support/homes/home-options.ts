/**
 * How the same server is set up in each of its homes.
 *
 * @module
 */
import type { StaticToken } from '../../../src/server/access/server-auth.js';
import type { SyncServerOptions } from '../../../src/server/sync-server-options.js';

/** Who may come in: each by its own name. What `nora` sees is the north alone. */
export const HOME_TOKENS: readonly StaticToken[] = ['ann', 'bert', 'cleo', 'nora', 'reader'].map((name) => ({
  ...{ token: name, subject: name },
  tenants: name === 'cleo' ? ['of-cleo'] : '*',
}));
/** Of seals: the same in each home, so that what one has lost another one takes. */
export const HOME_KEY: Uint8Array<ArrayBuffer> = new Uint8Array(32).fill(5);
/** A topic that no server takes. */
export const FORBIDDEN_TOPIC = 'stock:Forbidden';
/** The beginning of topics of the north. */
export const NORTH = 'north:';

/** Options of every server. */
export const HOME_OPTIONS: Omit<SyncServerOptions, 'unitLog'> = {
  tokens: HOME_TOKENS,
  authorizePush: ({ events }) =>
    events.every(({ topic }) => topic !== FORBIDDEN_TOPIC) || { code: 'NOT_ALLOWED', message: 'Nobody may do that.' },
  authorizePull: ({ subject }) =>
    subject !== 'nora' || { id: 'north', isVisible: ({ events }, at) => events[at]?.topic.startsWith(NORTH) === true },
  log: () => undefined,
  limits: false,
};

/**
 * The sync server as a `fetch` handler: takes units, gives pages, and takes back what was lost. Knows no
 * runtime and no database.
 *
 * @module
 */
import type { Cursor } from '../persistence/unit.js';
import {
  formatLimits,
  LIMITS_DEFAULT,
  LIMITS_HEADER,
  PATHS,
  PROTOCOL_1_VERSION,
  PROTOCOL_2_VERSION,
  PROTOCOL_HEADER,
  SOCKETS_STATED,
} from '../sync/protocol/index.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { answerError, makeServerFront } from './server-front.js';
import { checkServerOptions, isOfTenants } from './sync-server-options.js';
import type { SyncServerOptions } from './sync-server-options.js';
import { UnitRoutes, upgradeRequired } from './unit-routes.js';
import type { Listening, LiveLine } from './unit-routes.js';

// Of what the first protocol spoke: told so in its own words, or it would take the answer for a stranger's.
const OLD_PATHS = '/v1/*';

/** A server that answers requests, in whatever runtime hands them over. */
export interface SyncServer {
  /** Always resolves: errors are answers. Needs no `this`. */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * For a host that keeps lines by itself, and forgets all of them but their requests, as one does whose WebSockets outlive
   * its memory: lets somebody in as a request for `…/live` is let in, and says what is to be told. Needs no `this`.
   *
   * @param request - for `…/live`, with all its headers
   * @param after - the end of what was told on this line before. @defaultValue nothing was
   * @returns what is told to whom; or the answer, where nobody is let in
   */
  readonly listen: (request: Request, after?: Cursor) => Promise<LiveLine | Response>;
}

/**
 * Makes the sync server.
 *
 * @example
 * ```ts
 * const unitLog = new PostgresUnitLog({ recorder, seals: { keys: [sealKey] } });
 * await unitLog.createTables();
 * const server = createSyncServer({ unitLog, tokens: [process.env.DAYBOOK_TOKEN ?? ''] });
 * export default { fetch: server.fetch };
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may come in, or when an option is not what it should
 *   be
 */
export function createSyncServer(options: SyncServerOptions, clock: Clock = systemClock): SyncServer {
  checkServerOptions(options);
  const { unitLog } = options;
  const limits = { ...LIMITS_DEFAULT, ...options.syncLimits };
  const stamp = {
    [PROTOCOL_HEADER]: PROTOCOL_2_VERSION,
    [LIMITS_HEADER]: options.sockets === true ? `${formatLimits(limits)}, ${SOCKETS_STATED}` : formatLimits(limits),
    'cache-control': 'no-store',
  };
  const probe = async (): Promise<void> => {
    if (options.probe !== undefined) await options.probe();
    else if (!isOfTenants(unitLog)) await (unitLog.ping?.() ?? unitLog.head());
    await options.replicas?.list({ limit: 1 });
  };
  const front = makeServerFront(options, { stamp, probe, clock });
  const routes = new UnitRoutes(options, { limits, front, clock });
  routes.add(PATHS.push, (c, admitted) => routes.push(c, admitted));
  routes.add(PATHS.units, (c, admitted) => routes.page(c, admitted));
  routes.add(PATHS.common, (c, admitted) => routes.common(c, admitted));
  routes.add(PATHS.heal, (c, admitted) => routes.heal(c, admitted));
  routes.add(PATHS.digests, (c, admitted) => routes.digests(c, admitted));
  routes.add(PATHS.history, (c, admitted) => routes.history(c, admitted));
  routes.addLive();
  front.app.all(OLD_PATHS, (c) => {
    c.header(PROTOCOL_HEADER, PROTOCOL_1_VERSION);
    return answerError(c, upgradeRequired(), front.log);
  });
  return {
    fetch: front.fetch,
    listen: async (request, after) => {
      let found: LiveLine | undefined;
      const listening: Listening = { after, take: (line) => (found = line) };
      const answer = await front.fetchWith(request, { listening });
      return found ?? answer;
    },
  };
}

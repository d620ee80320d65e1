/**
 * The demo's server in Cloudflare's runtime: an object that has the log of the warehouse, and says what is in it.
 *
 * @module
 */
import { openSyncHub } from 'daybook/hub';
import type { HubContext, HubSocket, SyncHub } from 'daybook/hub';
import { BOOKS_ROWS_MAX, booksViewOf, CONTENT_TOPICS, STATE_BYTES_MAX } from '../books-query.ts';
import { rowsWanted } from '../demo-paths.ts';

/** What the demo binds. */
interface Env {
  readonly WAREHOUSE: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
  /** The files of the page. */
  readonly PAGE: { fetch(request: Request): Promise<Response> };
  /** Pages that may use it, as JSON. */
  readonly ORIGINS: string;
  /** In base64. */
  readonly SEAL_KEY: string;
}

const BOOKS_SQL = `
SELECT
  (SELECT count(*) FROM stored_events) AS total,
  (SELECT count(*) FROM (SELECT DISTINCT originator_id, originator_version FROM stored_events)) AS distinct_total,
  (SELECT json_group_array(DISTINCT replica) FROM daybook_log_units WHERE replica <> '') AS devices,
  (SELECT json_group_array(json_object('position', position, 'topic', topic, 'state', state)) FROM (
     SELECT notification_id AS position, topic,
       CASE WHEN length(state) <= ${STATE_BYTES_MAX} THEN hex(state) END AS state
     FROM stored_events WHERE topic IN (SELECT value FROM json_each($1)) ORDER BY notification_id DESC LIMIT $2
   )) AS rows`;

/** Lists are JSON. */
type Answer = Readonly<Record<'total' | 'distinct_total' | 'devices' | 'rows', string>>;

/** The warehouse. */
export class Warehouse {
  readonly #hub: Promise<SyncHub>;

  constructor(context: HubContext, { ORIGINS, SEAL_KEY }: Env) {
    this.#hub = openSyncHub(context, {
      // It is on this machine only, and holds counts of goods that do not exist.
      allowAnonymous: true,
      corsOrigins: JSON.parse(ORIGINS) as string[],
      seals: { keys: [new Uint8Array(Buffer.from(SEAL_KEY, 'base64'))] },
    });
  }

  async fetch(request: Request): Promise<Response> {
    const hub = await this.#hub;
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/demo/books') return await hub.fetch(request);
    const limit = rowsWanted(searchParams.get('limit') ?? undefined, BOOKS_ROWS_MAX);
    const { rows } = await hub.recorder.query(BOOKS_SQL, [JSON.stringify(CONTENT_TOPICS), limit]);
    const { total, distinct_total, devices, rows: latest } = rows[0] as unknown as Answer;
    const found = (JSON.parse(latest) as { position: number; topic: string; state: string | null }[]).map((row) => ({
      ...row,
      state: row.state === null ? null : Buffer.from(row.state, 'hex').toString('base64'),
    }));
    const answer = { total, distinct_total, devices: JSON.parse(devices) as string[], rows: found };
    const view = { ...booksViewOf(answer), place: 'Durable Object' };
    return Response.json(view, { headers: { 'cache-control': 'no-store' } });
  }

  webSocketMessage(): void {
    // Signs of life, which the runtime answers while the object sleeps.
  }

  async webSocketClose(socket: HubSocket): Promise<void> {
    (await this.#hub).webSocketClose(socket);
  }
}

const OF_WAREHOUSE = /^\/(?:v[12]|demo|health|ready)(?:\/|$)/;

const worker = {
  fetch: (request: Request, { WAREHOUSE, PAGE }: Env): Promise<Response> =>
    OF_WAREHOUSE.test(new URL(request.url).pathname)
      ? WAREHOUSE.getByName('stockcount').fetch(request)
      : PAGE.fetch(request),
};
export { worker as default };

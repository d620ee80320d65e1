/**
 * An application on Cloudflare that goes on while PostgreSQL is out of reach: each weather station has an object, which records what
 * it measures in its own SQLite, and brings it into PostgreSQL later, once.
 *
 * @module
 */
import { DurableObject } from 'cloudflare:workers';
import { Application, command, defineDecider, event } from 'daybook/application';
import { openSyncHub } from 'daybook/hub';
import { createPgPool, PostgresProcessRecorder } from 'daybook/postgres';
import { PostgresUnitLog } from 'daybook/server';

/** What `wrangler.jsonc` binds. */
export interface Env {
  readonly STATIONS: DurableObjectNamespace<Station>;
  readonly HYPERDRIVE: Hyperdrive;
}

const thermometer = defineDecider({
  name: 'Thermometer',
  events: { Measured: event<{ celsius: number }>(), FrostBegan: event<object>() },
  commands: { Measure: command<{ celsius: number }>() },
  initialState: () => ({ isFrost: false }),
  decide: {
    Measure: ({ data }, { isFrost }) => [
      { type: 'Measured' as const, data },
      ...(data.celsius < 0 && !isFrost ? [{ type: 'FrostBegan' as const, data: {} }] : []),
    ],
  },
  evolve: {
    Measured: ({ isFrost }, { data }) => ({ isFrost: isFrost && data.celsius < 0 }),
    FrostBegan: () => ({ isFrost: true }),
  },
});

/** One station. Nobody but its own application writes to its log. */
export class Station extends DurableObject<Env> {
  readonly #opened = this.#open();

  async #open() {
    const hub = await openSyncHub(this.ctx, {
      // Nobody comes in by the protocol of devices.
      verifyToken: () => false,
      forward: {
        open: async () => {
          const { connectionString } = this.env.HYPERDRIVE;
          const pool = await createPgPool({ connectionString, poolSize: 1, maxOverflow: 0 });
          const applicationName = this.ctx.id.name ?? 'station';
          const recorder = new PostgresProcessRecorder({ pool, applicationName });
          return { log: new PostgresUnitLog({ recorder, name: `${applicationName}_log` }), close: () => pool.end() };
        },
      },
    });
    return { hub, app: new Application({ recorder: hub.recorder, aggregates: [thermometer] }) };
  }

  /** Durable when it resolves, whether PostgreSQL is there or not. */
  async measure(thermometerId: string, celsius: number): Promise<number> {
    const { app } = await this.#opened;
    const { events } = await app.execute(thermometer, thermometerId, { type: 'Measure', data: { celsius } });
    return events.length;
  }

  /** How many events are here, and how many of them in PostgreSQL. */
  async standing(): Promise<{ readonly position: number; readonly head: number } | undefined> {
    return await (await this.#opened).hub.forwarded();
  }

  override async alarm(): Promise<void> {
    await (await this.#opened).hub.alarm();
  }
}

const worker: ExportedHandler<Env> = {
  async fetch(request, { STATIONS }) {
    const [, station = '', thermometerId = ''] = new URL(request.url).pathname.split('/');
    const object = STATIONS.getByName(station);
    if (request.method !== 'POST') return Response.json(await object.standing());
    const { celsius } = await request.json<{ celsius: number }>();
    return Response.json(await object.measure(thermometerId, celsius));
  },
};
export { worker as default };

import { DurableObject } from 'cloudflare:workers';
import { Application, SqlOutbox } from 'daybook/application';
import {
  OutboxWorker,
  ProjectionRunner,
  SqlProjectionStore,
  sqlProjection,
  PublisherUnavailableError,
} from 'daybook/application';
import { daybookObject, outboxJob, projectionJob } from 'daybook/durable-object';
import type { AlarmJob } from 'daybook/durable-object';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';

/** Where an object may be killed: in its alarm, by what it calls. */
export type Step = 'in the projection' | 'after the projection' | 'before publishing' | 'after publishing';

/** What the world around an object does, and what it has seen; by its name. In memory, which outlives the objects. */
export interface World {
  /** Kills the object when it comes to the step. */
  killAt: Step | undefined;
  isPublisherAway: boolean;
  readonly published: string[];
  readonly failures: string[];
  isHandlerBroken: boolean;
}

const worlds = new Map<string, World>();

/** The world of an object. */
export function worldOf(name: string): World {
  let world = worlds.get(name);
  if (world === undefined) {
    world = { killAt: undefined, isPublisherAway: false, published: [], failures: [], isHandlerBroken: false };
    worlds.set(name, world);
  }
  return world;
}

const LEASE_MS = 1_200;

/** A stock whose levels are a view in SQL, and whose events are published. */
export class StockObject extends daybookObject(DurableObject, async ({ recorder, context }) => {
  const name = context.id.name ?? '';
  const world = worldOf(name);
  const reach = async (step: Step): Promise<void> => {
    if (world.killAt !== step) return;
    world.killAt = undefined;
    context.abort(`killed ${step}`);
    // Nothing of it goes on.
    await new Promise<never>(() => undefined);
  };
  const outbox = new SqlOutbox({ recorder });
  await outbox.createTables();
  const app = new Application({ recorder, aggregates: [stockItem], inline: [outbox] });
  const levels = sqlProjection({
    name: 'levels',
    from: [stockItem],
    tables: { levels: (table) => `CREATE TABLE ${table} (item TEXT PRIMARY KEY, received INTEGER NOT NULL)` },
    on: {
      Received: async ({ originatorId }, { query, tables }) => {
        if (world.isHandlerBroken) await query('SELECT * FROM nothing');
        await query(
          `INSERT INTO ${tables.levels} VALUES ($1, 1) ON CONFLICT (item) DO UPDATE SET received = received + 1`,
          [originatorId],
        );
        await reach('in the projection');
      },
    },
  });
  const runner = new ProjectionRunner({
    projection: levels,
    store: new SqlProjectionStore(recorder, levels),
    log: app,
    onFailure: { then: 'stop' },
  });
  const worker = new OutboxWorker({
    outbox,
    leaseMs: LEASE_MS,
    publishTimeoutMs: LEASE_MS / 2,
    publish: async (message) => {
      await reach('before publishing');
      if (world.isPublisherAway) throw new PublisherUnavailableError('It is away.');
      world.published.push(message.id);
      await reach('after publishing');
    },
  });
  const between: AlarmJob = {
    name: 'between',
    async run() {
      await reach('after the projection');
      return {};
    },
  };
  return {
    app,
    outbox,
    recorder,
    jobs: [projectionJob('levels', runner), between, outboxJob('stock', { worker, outbox })],
    onJobFailed: (job: string, error: unknown) => void world.failures.push(`${job}: ${String(error)}`),
  };
}) {}

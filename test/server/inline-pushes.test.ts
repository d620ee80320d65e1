import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { EventIndex } from '../../src/application/event-index/event-index.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import type { InlineParticipant } from '../../src/application/events/inline-participant.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import type { Outbox } from '../../src/application/outbox/outbox.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { InlineProjection } from '../../src/application/projections/inline-projection.js';
import { sqlProjection } from '../../src/application/projections/projection.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import { startNodeHost } from '../../src/server/hosts/index.js';
import { createSyncServer, ForbiddenError } from '../../src/server/index.js';
import type { InlinePushes, SyncServer } from '../../src/server/index.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testOrder, testStock } from '../../src/testing/conformance/order-world.js';
import { toPushRequest } from '../../src/sync/protocol/index.js';
import type { PushRequest } from '../../src/sync/protocol/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { postPush } from '../support/push-client.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

interface World {
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  readonly index: EventIndex;
  readonly outbox: Outbox;
  close(): unknown;
}

const WORLDS: Readonly<Record<string, () => Promise<World>>> = {
  memory: async () => ({
    recorder: new MemoryProcessRecorder(),
    index: new MemoryEventIndex(),
    outbox: new MemoryOutbox(),
    close: () => undefined,
  }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<World> => {
        const { recorder, close } = await open();
        const table = uniqueName();
        const index = new SqlEventIndex({ recorder, table });
        const outbox = new SqlOutbox({ recorder, table: uniqueName() });
        await index.createTables();
        await outbox.createTables();
        return { recorder, index, outbox, close };
      },
    ]),
  ),
};

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A device that has recorded stock, one event for each event id. */
async function deviceWith(eventIds: readonly string[], actorId = 'anna'): Promise<PushRequest> {
  const recorder = new MemoryProcessRecorder();
  const ids = [...eventIds];
  const app = new Application({ recorder, aggregates: [testStock], newEventId: () => ids.shift() as string });
  for (const _id of eventIds) {
    const add = { type: 'Add', data: { quantity: 1 } } as const;
    await app.execute(testStock, newOriginatorId(), add, { metadata: { actorId } });
  }
  const notifications = await recorder.selectNotifications({ start: 1, limit: 1_000 });
  return toPushRequest(crypto.randomUUID(), 0, notifications);
}

/** The server's own application; it knows no orders. */
const applicationOn = (recorder: World['recorder'], inline: readonly InlineParticipant[] = []): Application =>
  new Application({ recorder, aggregates: [testStock], inline });

function serverOn(
  recorder: World['recorder'],
  participants: readonly InlineParticipant[],
  log: (message: string, error: unknown) => void = vi.fn(),
): SyncServer {
  const app = applicationOn(recorder);
  const inline: InlinePushes = { participants, decode: (notification) => app.decode(notification) };
  return createSyncServer({ recorder, inline, allowAnonymous: true, log });
}

const newId = (): string => crypto.randomUUID();

describe.each(Object.keys(WORLDS))('in-line participants of pushes, on %s', (engine) => {
  async function open(): Promise<World> {
    const world = await (WORLDS[engine] as () => Promise<World>)();
    cleanUps.push(() => world.close());
    return world;
  }

  it('know what was pushed, by the ids that it has on the server', async () => {
    const { recorder, index, outbox } = await open();
    const { fetch } = serverOn(recorder, [index, outbox]);
    await postPush(fetch, await deviceWith([newId(), newId()]));
    const eventIds = [newId(), newId()];
    const request = await deviceWith(eventIds);
    expect(await postPush(fetch, request)).toMatchObject({ status: 200, body: { tracking: { id: 2 } } });
    const stored = await recorder.selectNotifications({ start: 1, limit: 10 });
    expect(stored).toHaveLength(4);
    expect(await index.findEvent(eventIds[1] as string)).toMatchObject({
      notificationId: stored[3]?.id,
      aggregateId: request.events[1]?.originatorId,
      aggregateVersion: 1,
      eventType: 'Added',
      actorId: 'anna',
    });
    expect((await outbox.pending()).map(({ position }) => position)).toEqual(stored.map(({ id }) => id));
  });

  it('refuse an event id that another device has taken, and nothing of that push is stored', async () => {
    const { recorder, index, outbox } = await open();
    const { fetch } = serverOn(recorder, [outbox, index]);
    const [shared, own] = [newId(), newId()];
    const first = await deviceWith([shared]);
    await postPush(fetch, first);
    const second = await deviceWith([own, shared]);
    const refused = await postPush(fetch, second);
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { name: 'DuplicateEventError', code: 'DUPLICATE_EVENT' } },
    });
    expect(refused.body.error?.details).toEqual({
      eventId: shared,
      id: 2,
      originatorId: second.events[1]?.originatorId,
      originatorVersion: 1,
    });
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toHaveLength(1);
    expect(await recorder.maxTrackingId(second.replicaId)).toBe(0);
    expect(await index.hasEvent(own)).toBe(false);
    expect(await index.findEvent(shared)).toMatchObject({ aggregateId: first.events[0]?.originatorId });
    expect(await outbox.pending()).toHaveLength(1);
    // What is before it can still be pushed, and the device is told again.
    expect(await postPush(fetch, { ...second, events: second.events.slice(0, 1) })).toMatchObject({ status: 200 });
    expect(await postPush(fetch, second)).toMatchObject({ status: 409, body: { error: { code: 'DUPLICATE_EVENT' } } });
  });

  it('let one of many devices have an event id that all push at once', async () => {
    const { recorder, index } = await open();
    const { fetch } = serverOn(recorder, [index]);
    const shared = newId();
    const requests = await Promise.all(Array.from({ length: 6 }, () => deviceWith([newId(), shared, newId()])));
    const answers = await Promise.all(requests.map((request) => postPush(fetch, request)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409, 409]);
    for (const { body } of answers.filter(({ status }) => status === 409)) {
      expect(body.error).toMatchObject({ code: 'DUPLICATE_EVENT', details: { eventId: shared, id: 2 } });
    }
    const winner = requests[answers.findIndex(({ status }) => status === 200)] as PushRequest;
    const stored = await recorder.selectNotifications({ start: 1, limit: 20 });
    expect(stored.map(({ originatorId }) => originatorId)).toEqual(winner.events.map((event) => event.originatorId));
    for (const { replicaId } of requests) {
      expect(await recorder.maxTrackingId(replicaId)).toBe(replicaId === winner.replicaId ? 3 : 0);
    }
  });

  it('take a push that comes again, also ten times at once, for what it is', async () => {
    const { recorder, index, outbox } = await open();
    const { fetch } = serverOn(recorder, [index, outbox]);
    const request = await deviceWith([newId(), newId(), newId()]);
    const answers = await Promise.all(Array.from({ length: 10 }, () => postPush(fetch, request)));
    expect(answers.map(({ status, body }) => [status, body.tracking?.id])).toEqual(answers.map(() => [200, 3]));
    expect(await postPush(fetch, request)).toMatchObject({ status: 200, body: { tracking: { id: 3 } } });
    // In part, too: the server has two of four then.
    const longer = await deviceWith([newId(), newId(), newId(), newId()]);
    await postPush(fetch, { ...longer, events: longer.events.slice(0, 2) });
    expect(await postPush(fetch, longer)).toMatchObject({ status: 200, body: { tracking: { id: 4 } } });
    expect(await recorder.selectNotifications({ start: 1, limit: 20 })).toHaveLength(7);
    expect(await outbox.pending()).toHaveLength(7);
  });

  it('are not asked about an event id that is twice in one push', async () => {
    const { recorder, index } = await open();
    const onRecorded = vi.fn(async () => undefined);
    const { fetch } = serverOn(recorder, [{ onRecorded }, index]);
    const shared = newId();
    const request = await deviceWith([shared, newId(), shared]);
    const { status, body } = await postPush(fetch, request);
    expect([status, body.error?.code]).toEqual([409, 'DUPLICATE_EVENT']);
    expect(body.error?.details).toMatchObject({ eventId: shared, id: 3 });
    expect(onRecorded).not.toHaveBeenCalled();
    expect(await recorder.maxNotificationId()).toBe(0);
    expect(await index.hasEvent(shared)).toBe(false);
  });

  it("keep ids of pushes and of the server's own application apart", async () => {
    const { recorder, index } = await open();
    const { fetch } = serverOn(recorder, [index]);
    const [pushed, recorded] = [newId(), newId()];
    const ids = [recorded, pushed];
    const newEventId = (): string => ids.shift() as string;
    const app = new Application({ recorder, aggregates: [testStock], inline: [index], newEventId });
    const add = { type: 'Add', data: { quantity: 1 } } as const;
    await app.execute(testStock, newOriginatorId(), add);
    expect((await postPush(fetch, await deviceWith([recorded]))).body.error?.code).toBe('DUPLICATE_EVENT');
    await postPush(fetch, await deviceWith([pushed]));
    await expect(app.execute(testStock, newOriginatorId(), add)).rejects.toMatchObject({ code: 'DUPLICATE_EVENT' });
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toHaveLength(2);
  });

  it('cannot know an event that cannot be read: it is refused, until the server knows its like', async () => {
    const { recorder, index } = await open();
    const log = vi.fn();
    const { fetch } = serverOn(recorder, [index], log);
    const request = await deviceWith([newId(), newId()]);
    const change = (part: object): PushRequest => {
      const [first, second] = request.events as [PushRequest['events'][0], PushRequest['events'][0]];
      return { ...request, events: [first, { ...second, ...part }] };
    };
    const { originatorId } = request.events[1] as PushRequest['events'][0];
    for (const [part, reason] of [
      [{ topic: 'TestOrder:Confirmed' }, 'TOPIC_ERROR'],
      [{ state: btoa('{"quantity":') }, 'MAPPER_DESERIALISATION_ERROR'],
      [{ state: btoa('7') }, 'MAPPER_DESERIALISATION_ERROR'],
    ] as const) {
      const { status, body } = await postPush(fetch, change(part));
      expect([status, body.error?.code]).toEqual([400, 'INVALID_REQUEST']);
      expect(body.error?.details).toMatchObject({ reason, id: 2, originatorId, originatorVersion: 1 });
      expect(log.mock.lastCall?.[1]).toMatchObject({ code: reason });
    }
    expect(await recorder.maxNotificationId()).toBe(0);
    expect(await recorder.maxTrackingId(request.replicaId)).toBe(0);
    const wiser = new Application({ recorder, aggregates: [testStock, testOrder] });
    const inline: InlinePushes = { participants: [index], decode: (notification) => wiser.decode(notification) };
    const server = createSyncServer({ recorder, inline, allowAnonymous: true });
    const unknown = change({ topic: 'TestOrder:Confirmed' });
    expect(await postPush(server.fetch, unknown)).toMatchObject({ status: 200, body: { tracking: { id: 2 } } });
  });

  it('refuse by errors of their own; what is none is tried again, and stored when it is mended', async () => {
    const { recorder, index } = await open();
    const log = vi.fn();
    let thrown: Error | undefined = new ForbiddenError('Not on Sundays.');
    const onRecorded = async (): Promise<void> => await (thrown === undefined ? undefined : Promise.reject(thrown));
    const { fetch } = serverOn(recorder, [index, { onRecorded }], log);
    const eventId = newId();
    const request = await deviceWith([eventId]);
    expect(await postPush(fetch, request)).toMatchObject({
      status: 403,
      body: { error: { message: 'Not on Sundays.' } },
    });
    thrown = new TypeError('a mistake');
    expect(await postPush(fetch, request)).toMatchObject({ status: 500 });
    expect(log).toHaveBeenLastCalledWith(expect.stringContaining('500'), thrown);
    expect([await recorder.maxNotificationId(), await index.hasEvent(eventId)]).toEqual([0, false]);
    thrown = undefined;
    expect(await postPush(fetch, request)).toMatchObject({ status: 200 });
    expect(await index.hasEvent(eventId)).toBe(true);
  });

  it('hear of the commit after it; their failure then is theirs', async () => {
    const { recorder } = await open();
    const log = vi.fn();
    const heard: unknown[] = [];
    const onCommitted = (): void => {
      throw new Error('deaf');
    };
    const hears: InlineParticipant = {
      onCommitted: (events) =>
        heard.push(...events.map(({ notificationId, metadata }) => [notificationId, metadata.eventId])),
    };
    const { fetch } = serverOn(recorder, [{ onCommitted }, hears], log);
    const eventIds = [newId(), newId()];
    const request = await deviceWith(eventIds);
    expect((await postPush(fetch, request)).status).toBe(200);
    expect((await postPush(fetch, request)).status).toBe(200);
    const stored = await recorder.selectNotifications({ start: 1, limit: 10 });
    expect(heard).toEqual(stored.map(({ id }, at) => [id, eventIds[at]]));
    expect(log).toHaveBeenCalledTimes(1);
    expect(log.mock.lastCall?.[1]).toMatchObject({ message: 'deaf' });
  });
});

describe('in-line participants of pushes, on PostgreSQL', () => {
  it('have a view that holds a push when it is answered', async () => {
    const postgres = await openPostgres();
    cleanUps.push(() => postgres.close());
    const recorder: SqlRecorder = postgres.recorder;
    const app = applicationOn(postgres.recorder);
    const table = uniqueName();
    const projection = sqlProjection({
      name: uniqueName(),
      from: [testStock],
      tables: {
        [table]: (name: string) => `CREATE TABLE ${name} (id TEXT PRIMARY KEY NOT NULL, quantity BIGINT NOT NULL)`,
      },
      on: {
        Added: async ({ originatorId, data }, { query, tables }) => {
          await query(`INSERT INTO ${tables[table] as string} (id, quantity) VALUES ($1, $2)`, [
            originatorId,
            data.quantity,
          ]);
        },
      },
    });
    const view = new InlineProjection({ projection, recorder, decode: (notification) => app.decode(notification) });
    await view.setUp();
    const { fetch } = serverOn(postgres.recorder, [view]);
    const request = await deviceWith([newId(), newId()]);
    expect(await postPush(fetch, request)).toMatchObject({ status: 200 });
    const { rows: added } = await postgres.pool.query(`SELECT id FROM ${table}`);
    expect(added.map(({ id }) => id).toSorted()).toEqual(request.events.map((event) => event.originatorId).toSorted());
  });

  it('have nothing of a text that no index can hold: the request is to blame, and not tried for ever', async () => {
    const { recorder, index, close } = await (WORLDS['PostgreSQL'] as () => Promise<World>)();
    cleanUps.push(close);
    const { fetch } = serverOn(recorder, [index]);
    const random = Array.from({ length: 300 }, newId).join('');
    for (const request of [await deviceWith([newId(), random]), await deviceWith([newId()], random)]) {
      expect(await postPush(fetch, request)).toMatchObject({
        status: 400,
        body: { error: { code: 'INVALID_REQUEST' } },
      });
    }
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  it('are made by the host when its tables are there', async () => {
    const host = await startNodeHost({
      port: 0,
      databaseUrl: inject('pgUrl'),
      applicationName: uniqueName(),
      allowAnonymous: true,
      log: vi.fn(),
      inline: async ({ recorder }) => {
        const index = new SqlEventIndex({ recorder, table: uniqueName() });
        await index.createTables();
        const app = applicationOn(recorder, [index]);
        return { participants: [index], decode: (notification) => app.decode(notification) };
      },
    });
    cleanUps.push(() => host.close());
    const shared = newId();
    const answers = await Promise.all(
      [await deviceWith([shared]), await deviceWith([shared])].map((request) => postPush(fetch, request, {}, host.url)),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  });
});

describe('without participants', () => {
  it('nothing is decoded, and no transaction is opened', async () => {
    const recorder = new MemoryProcessRecorder();
    const transaction = vi.spyOn(recorder, 'transaction');
    const decode = vi.fn(async () => await Promise.reject(new Error('asked')));
    const request = await deviceWith([newId()]);
    for (const inline of [undefined, { participants: [], decode }]) {
      const { fetch } = createSyncServer({ recorder, inline, allowAnonymous: true });
      const unreadable = request.events.map((event) => ({
        ...event,
        originatorId: newOriginatorId(),
        topic: 'foreign',
        state: btoa('not JSON'),
      }));
      expect(await postPush(fetch, { ...request, replicaId: newId(), events: unreadable })).toMatchObject({
        status: 200,
      });
    }
    expect(decode).not.toHaveBeenCalled();
    expect(transaction).not.toHaveBeenCalled();
  });
});

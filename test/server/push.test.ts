import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { createSyncServer } from '../../src/server/index.js';
import type { RecordedPush, SyncServer } from '../../src/server/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { postPush } from '../support/push-client.js';
import type { PushAnswer } from '../support/push-client.js';
import { makeEvents, makePush } from '../support/stored-events.js';

let postgres: PostgresFixture;
let recorder: PostgresProcessRecorder;
let server: SyncServer;
const onRecorded = vi.fn<(push: RecordedPush) => void>();

const push = (body: object): Promise<PushAnswer> => postPush(server.fetch, body);
const stored = async (): Promise<StoredEvent[]> =>
  (await recorder.selectNotifications({ start: 1, limit: 10_000 })).map(({ id: _id, ...event }) => event);

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());
beforeEach(async () => {
  recorder = await postgres.make({ applicationName: uniqueName() });
  onRecorded.mockReset();
  server = createSyncServer({ recorder, allowAnonymous: true, onRecorded, log: vi.fn() });
});

describe('a push', () => {
  it('is recorded in order, with its tracking record', async () => {
    const events = [...makeEvents(3), ...makeEvents(2)];
    const request = makePush(events, { firstId: 4 });
    const { status, body, headers } = await push(request);
    expect([status, body]).toEqual([200, { tracking: { id: 8 }, head: 5 }]);
    expect(headers.get('daybook-protocol')).toBe('1');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(await stored()).toEqual(events);
    expect(await recorder.maxTrackingId(request.replicaId)).toBe(8);
    expect(onRecorded.mock.calls).toEqual([[{ replicaId: request.replicaId, count: 5, head: 5 }]]);
  });

  it('meets tables that SQLAlchemy made, too narrow for its name, as a fault of the server that can be put right', async () => {
    const { applicationName, trackingTable } = { applicationName: uniqueName(), trackingTable: uniqueName() };
    await postgres.pool.query(`CREATE TABLE ${trackingTable}
      (application_name varchar(32) PRIMARY KEY, notification_id bigint)`);
    recorder = await postgres.make({ applicationName, trackingTable });
    const log = vi.fn();
    server = createSyncServer({ recorder, allowAnonymous: true, log });
    const request = makePush(makeEvents(2));
    // A replica tries again later: a 400 would stop it for good.
    expect(await push(request)).toMatchObject({ status: 500 });
    const [[, logged]] = log.mock.calls as [[string, Error]];
    expect(logged).toMatchObject({ code: 'PROGRAMMING_ERROR', details: { sqlState: '22001' } });
    expect(await stored()).toEqual([]);
    const [alter = ''] = /ALTER TABLE.*TYPE text/.exec(logged.message) ?? [];
    await postgres.pool.query(alter);
    expect(await push(request)).toMatchObject({ status: 200, body: { tracking: { id: 2 } } });
  });

  it('that comes again is answered again, and not recorded again', async () => {
    const events = makeEvents(3);
    const request = makePush(events);
    await push(request);
    const { status, body } = await push(request);
    expect([status, body]).toEqual([200, { tracking: { id: 3 }, head: 3 }]);
    expect(await stored()).toEqual(events);
    expect(onRecorded).toHaveBeenCalledTimes(1);
  });

  it('that comes ten times at once is recorded once', async () => {
    const events = [...makeEvents(20), ...makeEvents(20)];
    const request = makePush(events);
    const answers = await Promise.all(Array.from({ length: 10 }, () => push(request)));
    for (const { status, body } of answers) expect([status, body.tracking]).toEqual([200, { id: 40 }]);
    expect(await stored()).toEqual(events);
    expect(onRecorded).toHaveBeenCalledTimes(1);
  });

  it('that comes again after the next one is answered with where the server stands', async () => {
    const replicaId = crypto.randomUUID();
    const events = makeEvents(5);
    const first = makePush(events.slice(0, 3), { replicaId });
    await push(first);
    await push(makePush(events.slice(3), { replicaId, after: 3 }));
    const { status, body } = await push(first);
    expect([status, body]).toEqual([200, { tracking: { id: 5 }, head: 5 }]);
    expect(await stored()).toEqual(events);
  });

  it('that was recorded in part is completed', async () => {
    const replicaId = crypto.randomUUID();
    const events = makeEvents(5);
    await push(makePush(events.slice(0, 3), { replicaId }));
    const { status, body } = await push(makePush(events, { replicaId }));
    expect([status, body]).toEqual([200, { tracking: { id: 5 }, head: 5 }]);
    expect(await stored()).toEqual(events);
    expect(onRecorded.mock.lastCall).toEqual([{ replicaId, count: 2, head: 5 }]);
  });

  it('may leave ids out, and versions, and mix aggregates', async () => {
    const replicaId = crypto.randomUUID();
    const [one, two] = [makeEvents(4), makeEvents(2, { firstVersion: 7 })];
    const events = [one[0], two[0], one[1], one[3], two[1]].filter((event) => event !== undefined);
    const request = makePush(events, { replicaId, firstId: 10 });
    const gapped = { ...request, events: request.events.map((event) => ({ ...event, id: event.id * 2 })) };
    expect((await push(gapped)).status).toBe(200);
    expect((await push(gapped)).body).toEqual({ tracking: { id: 28 }, head: 5 });
    expect(await stored()).toEqual(events);
  });

  it('of two replicas is followed for each of them', async () => {
    const [one, two] = [makePush(makeEvents(2)), makePush(makeEvents(3))];
    await Promise.all([push(one), push(two)]);
    expect(await recorder.maxTrackingId(one.replicaId)).toBe(2);
    expect(await recorder.maxTrackingId(two.replicaId)).toBe(3);
    expect(await stored()).toHaveLength(5);
  });

  it('is answered even if onRecorded throws', async () => {
    onRecorded.mockImplementation(() => {
      throw new Error('not my problem');
    });
    expect((await push(makePush(makeEvents(1)))).status).toBe(200);
  });
});

describe('a push is refused, and changes nothing,', () => {
  it('when another replica has taken a position', async () => {
    const originatorId = crypto.randomUUID();
    const theirs = makeEvents(2, { originatorId });
    await push(makePush(theirs));
    const request = makePush([...makeEvents(1), ...makeEvents(1, { originatorId, firstVersion: 2 })]);
    const { status, body } = await push(request);
    expect([status, body.error?.code]).toEqual([409, 'INTEGRITY_ERROR']);
    expect(body.error?.details).toMatchObject({ constraint: 'event', originatorId, originatorVersion: 2 });
    expect(Object.keys(body.error ?? {})).not.toContain('cause');
    expect(await stored()).toEqual(theirs);
    expect(await recorder.maxTrackingId(request.replicaId)).toBe(0);
  });

  it.each([
    ['another state', (event: StoredEvent) => ({ ...event, state: new Uint8Array([1]) })],
    ['a state of the same length', (event: StoredEvent) => ({ ...event, state: event.state.map((byte) => byte ^ 1) })],
    ['another topic', (event: StoredEvent) => ({ ...event, topic: 'stock:Item.Lost' })],
    ['another version', (event: StoredEvent) => ({ ...event, originatorVersion: 9 })],
    ['another aggregate', (event: StoredEvent) => ({ ...event, originatorId: crypto.randomUUID() })],
  ])('when it has %s under ids that are recorded', async (_case, change) => {
    const replicaId = crypto.randomUUID();
    const events = makeEvents(3);
    await push(makePush(events, { replicaId }));
    const changed = [...events.slice(0, 2), ...events.slice(2).map(change), ...makeEvents(1)];
    const { status, body } = await push(makePush(changed, { replicaId }));
    expect([status, body.error?.code]).toEqual([409, 'REPLICA_DIVERGED']);
    expect(body.error?.details).toMatchObject({ id: 3 });
    expect(await stored()).toEqual(events);
  });

  it('when the server has less than it confirmed', async () => {
    const replicaId = crypto.randomUUID();
    await push(makePush(makeEvents(2), { replicaId }));
    const { status, body } = await push(makePush(makeEvents(1), { replicaId, after: 5 }));
    expect([status, body.error?.code]).toEqual([409, 'SERVER_BEHIND']);
    expect(body.error?.details).toMatchObject({ trackingId: 2 });
    expect(await stored()).toHaveLength(2);
  });
});

describe('racing pushes', () => {
  it('of the same replica, cut differently, record each event once', async () => {
    const replicaId = crypto.randomUUID();
    const events = makeEvents(30);
    const cuts = [30, 10, 20, 30, 15, 25, 30, 5];
    const answers = await Promise.all(cuts.map((cut) => push(makePush(events.slice(0, cut), { replicaId }))));
    expect(answers.map(({ status }) => status)).toEqual(cuts.map(() => 200));
    expect(await stored()).toEqual(events);
    expect(await recorder.maxTrackingId(replicaId)).toBe(30);
  });

  it('of two replicas on one aggregate let exactly one win', async () => {
    const originatorId = crypto.randomUUID();
    const requests = Array.from({ length: 6 }, () => makePush(makeEvents(3, { originatorId })));
    const answers = await Promise.all(requests.map(push));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409, 409]);
    expect(await stored()).toHaveLength(3);
  });
});

/** Tables that real devices have pushed to, by the statements of the Python library; and what it inserts, on the devices. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { PATIENTLY } from '../support/patience.js';
import { makeTenantRole } from '../support/postgres-roles.js';
import { PostgresScene } from '../support/postgres-scene.js';
import type { Device } from '../support/postgres-scene.js';
import { PythonRecorder } from '../support/python-statements.js';
import type { PythonNotification } from '../support/python-statements.js';

const [DOG, CAT, BIRD] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
const REGISTERED = 'dogschool:Dog.Registered';
const TRICK_ADDED = 'dogschool:Dog.TrickAdded';

let scene: PostgresScene;
let python: PythonRecorder;

function event(originatorId: string, originatorVersion: number, topic: string = TRICK_ADDED): StoredEvent {
  const text = JSON.stringify({ trick: `${topic} ${originatorVersion} 🐈`, id: crypto.randomUUID() });
  return { originatorId, originatorVersion, topic, state: new TextEncoder().encode(text) };
}

const withoutId = ({ id: _id, ...rest }: PythonNotification): StoredEvent => rest;

/** As a follower of the Python library reads: pages, each from behind the last id of the one before. */
async function readAll(limit: number, start = 1): Promise<PythonNotification[]> {
  const read: PythonNotification[] = [];
  for (;;) {
    const page = await python.selectNotifications({ start: (read.at(-1)?.id ?? start - 1) + 1, limit });
    if (page.length === 0) return read;
    read.push(...page);
  }
}

beforeEach(async () => {
  scene = await new PostgresScene().open();
  python = new PythonRecorder(scene.fixture.pool, scene.fixture.events.replaceAll('"', '').replace(/_events$/, ''));
});
afterEach(() => scene[Symbol.asyncDispose]());

describe('what devices have pushed', () => {
  const first = [event(DOG, 1, REGISTERED), event(CAT, 1, REGISTERED)];
  const second = [event(DOG, 2), event(DOG, 3), event(CAT, 2)];
  const third = [event(BIRD, 1, REGISTERED), event(BIRD, 2)];

  beforeEach(async () => {
    const [one, two] = [await scene.device(), await scene.device()];
    await one.record(first);
    await one.record(second);
    await one.settled();
    await two.record(third);
    await two.settled();
  });

  test('select_events has each aggregate, whole and in ranges of versions, with the bytes that were recorded', async () => {
    const dogs = [...first, ...second].filter(({ originatorId }) => originatorId === DOG);
    expect(await python.selectEvents(DOG)).toEqual(dogs);
    expect(await python.selectEvents(DOG, { desc: true, limit: 1 })).toEqual([dogs[2]]);
    expect(await python.selectEvents(DOG, { gt: 1 })).toEqual(dogs.slice(1));
    expect(await python.selectEvents(DOG, { gt: 1, lte: 2 })).toEqual([dogs[1]]);
    expect(await python.selectEvents(DOG, { lte: 2, desc: true, limit: 1 })).toEqual([dogs[1]]);
    expect(await python.selectEvents(BIRD)).toEqual(third);
    expect(await python.selectEvents(crypto.randomUUID())).toEqual([]);
  });

  test('select_notifications has all of it, in the order of the log, in pages, up to a stop, and by topics', async () => {
    const all = [...first, ...second, ...third];
    for (const limit of [1, 2, 3, 100]) expect((await readAll(limit)).map(withoutId)).toEqual(all);
    const ids = (await readAll(100)).map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(await python.maxNotificationId()).toBe(ids.at(-1));
    const [start, stop] = [ids[2]!, ids[4]!];
    const section = await python.selectNotifications({ start, stop, limit: 10 });
    expect(section.map(({ id }) => id)).toEqual(ids.slice(2, 5));
    const registered = await python.selectNotifications({ start: 1, limit: 2, topics: [REGISTERED] });
    expect(registered.map(withoutId)).toEqual(first);
    expect(await python.selectNotifications({ start: 1, limit: 10, topics: ['dogschool:Dog'] })).toEqual([]);
    const both = await python.selectNotifications({ start, limit: 10, topics: [REGISTERED, TRICK_ADDED] });
    expect(both).toHaveLength(5);
  });

  test('a process application follows it by its tracking records, each event once, and what it makes reaches the devices', async () => {
    const log: string[] = [];
    for (;;) {
      const start = (await python.maxTrackingId('devices')) + 1;
      const [notification] = await python.selectNotifications({ start, limit: 1 });
      if (notification === undefined || log.length > 20) break;
      const isOwn = notification.topic === 'school:Seen';
      const made = isOwn ? [] : [{ ...notification, originatorId: crypto.randomUUID(), topic: 'school:Seen' }];
      const seen = made.map(({ id: _id, ...rest }) => ({ ...rest, originatorVersion: 1 }));
      await python.insertEvents(seen, { application: 'devices', id: notification.id });
      log.push(notification.topic);
    }
    expect(log.filter((topic) => topic !== 'school:Seen')).toHaveLength(7);
    const last = await python.maxNotificationId();
    expect([await python.maxTrackingId('devices'), await python.hasTrackingId('devices', last)]).toEqual([last, true]);
    const again = python.insertEvents([event(crypto.randomUUID(), 1)], { application: 'devices', id: last });
    await expect(again).rejects.toMatchObject({ code: '23505' });
    expect(await python.maxNotificationId()).toBe(last);
    for (const device of scene.devices) await device.settled();
    expect(await scene.books()).toHaveLength(14);
    await scene.expectAgreement();
  });

  test('to a place that a device has taken nothing is inserted, and the devices go on', async () => {
    const before = await python.maxNotificationId();
    const inserting = python.insertEvents([event(CAT, 3), event(DOG, 3)]);
    await expect(inserting).rejects.toMatchObject({
      code: '23505',
      constraint: expect.stringMatching(/_pkey$/) as string,
    });
    expect([await python.maxNotificationId(), await python.selectEvents(CAT, { gt: 2 })]).toEqual([before, []]);
    const [one] = scene.devices as [Device];
    const mine = event(CAT, 3);
    await one.record([mine]);
    await one.settled();
    expect(await python.selectEvents(CAT, { gt: 2 })).toEqual([mine]);
  });
});

describe('what a Python application inserts', () => {
  test('reaches the devices in its order, who build on it, as it builds on theirs', async () => {
    const [one, two] = [await scene.device({ isLive: true }), await scene.device()];
    const mine = [event(DOG, 1, REGISTERED), event(CAT, 1, REGISTERED)];
    await one.record(mine);
    await one.settled();
    const theirs = [event(DOG, 2), event(DOG, 3), event(BIRD, 1, REGISTERED)];
    const ids = await python.insertEvents(theirs);
    expect(ids).toEqual([ids[0]!, ids[0]! + 1, ids[0]! + 2]);
    await one.until(async () => (await one.events()).length === 5);
    expect(await one.events()).toEqual([...mine, ...theirs]);
    const onIt = event(DOG, 4);
    await one.record([onIt]);
    await one.settled();
    const more = event(DOG, 5);
    await python.insertEvents([more]);
    await two.settled();
    expect(await two.events()).toEqual([...mine, ...theirs, onIt, more]);
    expect((await readAll(2)).map(withoutId)).toEqual(await two.events());
  });

  test('under its lock keeps pushes waiting, and takes a place before them', async () => {
    const device = await scene.device();
    await device.settled();
    const client = await scene.fixture.pool.connect();
    await client.query('BEGIN');
    const theirs = event(DOG, 1, REGISTERED);
    await python.insertUnderLock(client, [theirs]);
    const late = await device.record([event(DOG, 1, REGISTERED)]);
    const free = event(CAT, 1, REGISTERED);
    await device.record([free]);
    const waiting = `SELECT FROM pg_locks WHERE NOT granted AND relation = '${scene.fixture.events}'::regclass`;
    await vi.waitFor(async () => expect((await scene.fixture.pool.query(waiting)).rows).toHaveLength(1), PATIENTLY);
    expect(await python.maxNotificationId()).toBe(0);
    await client.query('COMMIT');
    client.release();
    await device.settled();
    expect((await readAll(10)).map(withoutId)).toEqual([theirs, free]);
    const aside = await device.tab.recorder.selectSetAside(0, { eventsMax: 10, bytesMax: 1e6 });
    expect(aside.map(({ id, reason }) => [id, reason.code])).toEqual([[late, 'CONFLICT']]);
    await scene.expectAgreement();
  });

  test('by a role that may do nothing with the tables of Daybook, and no more than that with the events', async () => {
    const { pool, events, name } = scene.fixture;
    const role = await makeTenantRole(pool);
    const sequence = events.replace(/"$/, '_notification_id_seq"');
    await pool.query(
      `GRANT SELECT, INSERT, UPDATE ON ${events} TO ${role}; GRANT USAGE ON SEQUENCE ${sequence} TO ${role}`,
    );
    const theirs = event(DOG, 1, REGISTERED);
    const client = await pool.connect();
    await client.query(`BEGIN; SET LOCAL ROLE ${role}`);
    await python.insertUnderLock(client, [theirs]);
    await client.query('COMMIT');
    for (const forbidden of [`SELECT FROM "${name}_units"`, `DELETE FROM ${events}`]) {
      await client.query(`BEGIN; SET LOCAL ROLE ${role}`);
      await expect(client.query(forbidden)).rejects.toMatchObject({ code: '42501' });
      await client.query('ROLLBACK');
    }
    await pool.query(`REVOKE UPDATE ON ${events} FROM ${role}`);
    await client.query(`BEGIN; SET LOCAL ROLE ${role}`);
    await expect(python.insertUnderLock(client, [event(DOG, 2)])).rejects.toMatchObject({ code: '42501' });
    await client.query('ROLLBACK');
    client.release();
    const device = await scene.device();
    await device.settled();
    expect(await device.events()).toEqual([theirs]);
  });

  test('while devices push: whoever reads behind the last id passes over nothing, and no unit is in parts', async () => {
    const devices = [await scene.device(), await scene.device()];
    const read: PythonNotification[] = [];
    const over = new AbortController();
    const reading = (async () => {
      for (let isLast = false; !isLast;) {
        isLast = over.signal.aborted;
        read.push(...(await readAll(7, (read.at(-1)?.id ?? 0) + 1)));
      }
    })();
    const inserting = (async () => {
      for (let round = 0; round < 40; round++) {
        const id = crypto.randomUUID();
        await python.insertEvents([event(id, 1), event(id, 2)]);
      }
    })();
    const recording = devices.map(async (device) => {
      for (let round = 0; round < 40; round++) {
        await device.record([
          event(crypto.randomUUID(), 1),
          event(crypto.randomUUID(), 1),
          event(crypto.randomUUID(), 1),
        ]);
      }
      await device.settled();
    });
    await Promise.all([inserting, ...recording]);
    for (const device of devices) await device.settled();
    over.abort();
    await reading;
    expect(read).toHaveLength(40 * 2 + 2 * 40 * 3);
    expect(read).toEqual(await readAll(1_000));
    const { rows } = await scene.fixture.pool.query(
      `SELECT count FROM "${scene.fixture.name}_units" WHERE count = 3 AND position IS NOT NULL`,
    );
    expect(rows).toHaveLength(80);
    // The log has the order of the table: so each unit has ids that follow each other there.
    const log = await scene.fixture.open().page('0', { eventsMax: 10_000, bytesMax: 1e9 });
    expect(log?.units.flatMap(({ events }) => events)).toEqual(read.map(withoutId));
    await scene.expectAgreement();
  });
});

/** An application of the Python library itself, on tables that real devices push to; skipped where the library is not at hand. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DateTime } from '../../src/domain/date-time.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from '../../src/persistence/mapping/transcodings.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { PostgresScene } from '../support/postgres-scene.js';
import type { Device } from '../support/postgres-scene.js';
import { inPython, whyNoPythonLibrary } from '../support/python-library.js';
import type { PythonStep } from '../support/python-library.js';
import { PythonRecorder } from '../support/python-statements.js';

const missing = whyNoPythonLibrary();
const transcoder = new JSONTranscoder().register(UUIDAsHex).register(DecimalAsStr).register(DatetimeAsISO);
const mapper = new Mapper({ transcoder });

let scene: PostgresScene;
let name: string;
let device: Device;

const python = (...steps: readonly PythonStep[]): Promise<readonly unknown[]> => inPython(scene.pgUrl, name, steps);

async function dogEvent(originatorId: string, originatorVersion: number, data: object): Promise<StoredEvent> {
  const type = originatorVersion === 1 ? 'dogschool:Dog.Registered' : 'dogschool:Dog.TrickAdded';
  const timestamp = DateTime.fromDate(new Date());
  return await mapper.toStoredEvent({ originatorId, originatorVersion, type, data: { timestamp, ...data } });
}

const registered = (id: string, dog: string): Promise<StoredEvent> =>
  dogEvent(id, 1, { originator_topic: 'dogschool:Dog', name: dog });

const inHex = ({ state, ...event }: StoredEvent): object => ({ ...event, state: Buffer.from(state).toString('hex') });

beforeEach(async (context) => {
  if (missing !== undefined) context.skip(missing);
  scene = await new PostgresScene().open();
  name = scene.fixture.events.replaceAll('"', '').replace(/_events$/, '');
  device = await scene.device();
});
afterEach(() => (missing === undefined ? scene[Symbol.asyncDispose]() : undefined));

describe('an application of the Python library', () => {
  test('makes its aggregates of what devices have pushed, and devices theirs of what it saves', async () => {
    const fido = crypto.randomUUID();
    await device.record([await registered(fido, 'Fido'), await dogEvent(fido, 2, { trick: 'roll over' })]);
    await device.settled();
    const [dog, ids, rex] = await python(
      { do: 'dog', with: { id: fido } },
      { do: 'add_trick', with: { id: fido, trick: 'fetch 🎾' } },
      { do: 'register', with: { name: 'Rex' } },
    );
    expect(dog).toEqual({ name: 'Fido', tricks: ['roll over'], version: 2 });
    expect(ids).toEqual([3]);
    await device.settled();
    const stored = await device.tab.recorder.selectEvents(fido);
    const events = await Promise.all(stored.map((event) => mapper.toDomainEvent(event)));
    expect(events.map(({ type, data }) => [type, (data as { trick?: string }).trick])).toEqual([
      ['dogschool:Dog.Registered', undefined],
      ['dogschool:Dog.TrickAdded', 'roll over'],
      ['dogschool:Dog.TrickAdded', 'fetch 🎾'],
    ]);
    // And the device goes on where Python was.
    await device.record([await dogEvent(fido, 4, { trick: 'sit' })]);
    await device.record([await dogEvent(String(rex), 2, { trick: 'bark' })]);
    await device.settled();
    expect(await python({ do: 'dog', with: { id: fido } }, { do: 'dog', with: { id: rex } })).toEqual([
      { name: 'Fido', tricks: ['roll over', 'fetch 🎾', 'sit'], version: 4 },
      { name: 'Rex', tricks: ['bark'], version: 2 },
    ]);
    await scene.expectAgreement();
  });

  test('reads what its statements read, as they are tested where there is no library', async () => {
    const dogs = Array.from({ length: 4 }, () => crypto.randomUUID());
    for (const dog of dogs)
      await device.record([await registered(dog, 'Dog'), await dogEvent(dog, 2, { trick: 'sit' })]);
    await device.settled();
    const [dog] = dogs;
    const topics = ['dogschool:Dog.TrickAdded'];
    const bySql = new PythonRecorder(scene.fixture.pool, name);
    const read = await python(
      { do: 'events', with: { id: dog } },
      { do: 'events', with: { id: dog, gt: 1, lte: 2 } },
      { do: 'events', with: { id: dog, desc: true, limit: 1 } },
      { do: 'notifications', with: { start: 1, limit: 10 } },
      { do: 'notifications', with: { start: 3, limit: 10, stop: 5 } },
      { do: 'notifications', with: { start: 1, limit: 2, topics } },
      { do: 'max_notification_id' },
      { do: 'section', with: { start: 2, limit: 3 } },
    );
    expect(read).toEqual([
      (await bySql.selectEvents(dog!)).map(inHex),
      (await bySql.selectEvents(dog!, { gt: 1, lte: 2 })).map(inHex),
      (await bySql.selectEvents(dog!, { desc: true, limit: 1 })).map(inHex),
      (await bySql.selectNotifications({ start: 1, limit: 10 })).map(inHex),
      (await bySql.selectNotifications({ start: 3, limit: 10, stop: 5 })).map(inHex),
      (await bySql.selectNotifications({ start: 1, limit: 2, topics })).map(inHex),
      8,
      [2, 3, 4],
    ]);
    expect(read[5]).toHaveLength(2);
  });

  test('inserts with tracking, once; what has no place is refused, and nothing of it is there', async () => {
    const [fido, rex] = [crypto.randomUUID(), crypto.randomUUID()];
    await device.record([await registered(fido, 'Fido')]);
    await device.settled();
    const taken = inHex(await registered(fido, 'Another'));
    const free = inHex(await registered(rex, 'Rex'));
    const outcome = await python(
      { do: 'insert', with: { events: [free, taken] } },
      { do: 'insert', with: { events: [free], tracking: { name: 'devices', id: 1 } } },
      { do: 'insert', with: { events: [], tracking: { name: 'devices', id: 1 } } },
      { do: 'tracking', with: { name: 'devices', id: 1 } },
    );
    expect(outcome.filter((one) => one === 'IntegrityError')).toHaveLength(2);
    expect([outcome[0], outcome[2], outcome[3]]).toEqual(['IntegrityError', 'IntegrityError', [1, true]]);
    await device.settled();
    expect((await device.events()).map(({ originatorId }) => originatorId)).toEqual([fido, rex]);
    await scene.expectAgreement();
  });
});

/** Personal fields of events, commands and snapshots: what is stored, what is read, and what is left when somebody is forgotten. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { NotifiedEvent } from '../../../src/application/events/notified-event.js';
import { MemorySubjectKeys } from '../../../src/application/personal/memory-subject-keys.js';
import type { FoundKey } from '../../../src/application/personal/subject-keys.js';
import { CommandCodec } from '../../../src/application/commands/kept-commands.js';
import { KeysAtHand } from '../../../src/application/personal/keys-at-hand.js';
import { PersonalSealer } from '../../../src/application/personal/personal-sealer.js';
import { defaultTranscoder } from '../../../src/persistence/mapping/default-transcoder.js';
import { systemClock } from '../../../src/util/clock.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import type { MessageDefinition } from '../../../src/domain/message-types.js';
import { MemorySnapshotStore } from '../../../src/persistence/memory/memory-snapshot-store.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';

interface Guest {
  readonly id: string;
  readonly name: string;
}
interface Booked {
  readonly room: string;
  readonly payerId: string;
  readonly payer: string;
  readonly born: Date | null;
  readonly guests: readonly Guest[];
}

const personal = {
  payer: { subject: 'payerId', forgotten: '(forgotten)' },
  born: { subject: ({ payerId }: Booked) => payerId, forgotten: null },
  guests: { each: { name: { subject: 'id', forgotten: '(somebody)' } } },
} as const;

const booking = defineDecider({
  name: 'Booking',
  events: { Booked: event<Booked>({ personal }), Cancelled: event<{ why: string }>() },
  commands: { Book: command<Booked>({ personal }), Cancel: command<{ why: string }>() },
  initialState: (): Partial<Booked> => ({}),
  decide: { Book: ({ data }) => ({ type: 'Booked', data }), Cancel: ({ data }) => ({ type: 'Cancelled', data }) },
  evolve: { Booked: (_state, { data }) => data, Cancelled: (state) => state },
});

const data: Booked = {
  ...{ room: '12', payerId: 'c-1', payer: 'Anna Berg', born: null },
  guests: [
    { id: 'c-1', name: 'Anna Berg' },
    { id: 'c-2', name: 'Ben Tal' },
  ],
};

/** All that the recorder holds, as text. */
async function rawText(recorder: MemoryProcessRecorder): Promise<string> {
  const rows = await recorder.selectNotifications({ start: 1, limit: 100 });
  return rows.map(({ state }) => new TextDecoder().decode(state)).join('\n');
}

async function allEvents(app: Application): Promise<readonly NotifiedEvent[]> {
  const events: NotifiedEvent[] = [];
  for await (const one of app.readAll()) events.push(one);
  return events;
}

function open(options: Partial<ConstructorParameters<typeof Application>[0]> = {}) {
  const recorder = new MemoryProcessRecorder();
  const subjectKeys = new MemorySubjectKeys();
  const app = new Application({ recorder, aggregates: [booking], subjectKeys, ...options });
  return { recorder, subjectKeys, app };
}

describe('personal fields', () => {
  test('are stored as nobody can read them, and everything else as anybody can', async () => {
    const { recorder, app } = open();
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    const text = await rawText(recorder);
    expect(text).not.toMatch(/Anna|Berg|Ben|Tal/);
    expect(JSON.parse(text)).toMatchObject({
      ...{ room: '12', payerId: 'c-1', payer: expect.stringMatching(/^daybook-sealed:1:[0-9a-f-]{36}:/) as unknown },
      guests: [{ id: 'c-1' }, { id: 'c-2' }],
    });
    expect((await app.repository.load(booking, id)).state).toEqual(data);
    expect((await allEvents(app)).map((one) => one.data)).toEqual([data]);
  });

  test('become what was declared when their person is forgotten, and those of others stay', async () => {
    const { recorder, app, subjectKeys } = open({ cache: {} });
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    await app.repository.load(booking, id);
    const before = await rawText(recorder);
    await subjectKeys.forget('c-1');
    expect((await app.repository.load(booking, id)).state).toEqual({
      ...{ room: '12', payerId: 'c-1', payer: '(forgotten)', born: null },
      guests: [
        { id: 'c-1', name: '(somebody)' },
        { id: 'c-2', name: 'Ben Tal' },
      ],
    });
    expect(await rawText(recorder)).toBe(before);
    // It goes on without them.
    await app.execute(booking, id, { type: 'Cancel', data: { why: 'none left' } });
    await expect(app.execute(booking, id, { type: 'Book', data })).rejects.toMatchObject({ code: 'SUBJECT_FORGOTTEN' });
    expect(await recorder.maxNotificationId()).toBe(2);
  });

  test('keep values of any type that has a transcoding', async () => {
    const { app } = open();
    const id = newOriginatorId();
    const { DateTime } = await import('../../../src/domain/date-time.js');
    const born = DateTime.parse('1990-01-02T00:00:00+00:00') as unknown as Date;
    await app.execute(booking, id, { type: 'Book', data: { ...data, born } });
    expect((await app.repository.load(booking, id)).state.born).toEqual(born);
  });

  test('wait for a key that has not arrived, and are no unreadable event', async () => {
    const { recorder, app } = open();
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    const elsewhere = new Application({ recorder, aggregates: [booking], subjectKeys: new MemorySubjectKeys() });
    await expect(elsewhere.repository.load(booking, id)).rejects.toMatchObject({ code: 'SUBJECT_KEY_MISSING' });
    await expect(allEvents(elsewhere)).rejects.toMatchObject({ code: 'SUBJECT_KEY_MISSING' });
  });

  test('that somebody moves to another aggregate are not read there', async () => {
    const { recorder, app } = open();
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    await app.execute(booking, id, { type: 'Book', data });
    const [stored] = (await recorder.selectEvents(id)) as [StoredEvent];
    await recorder.insertEvents([{ ...stored, originatorId: other }]);
    await expect(app.repository.load(booking, other)).rejects.toMatchObject({ code: 'MAPPER_DESERIALISATION_ERROR' });
  });

  test.each<[string, Partial<Record<keyof Booked, unknown>>, string]>([
    ['the person is not named', { payerId: undefined }, 'PROGRAMMING_ERROR'],
    ['the person is named by a number', { payerId: 7 }, 'PROGRAMMING_ERROR'],
    ['a text looks like a sealed one', { room: 'daybook-sealed:1:x' }, 'DATA_ERROR'],
    ['a personal text looks like a sealed one', { payer: 'daybook-sealed:1:x' }, 'DATA_ERROR'],
  ])('refuse to be recorded where %s', async (_title, wrong, code) => {
    const { recorder, app } = open();
    const bad = { ...data, ...wrong } as Booked;
    await expect(app.execute(booking, newOriginatorId(), { type: 'Book', data: bad })).rejects.toMatchObject({ code });
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test('need keys', () => {
    expect(() => new Application({ recorder: new MemoryProcessRecorder(), aggregates: [booking] })).toThrow(
      /Booking:Booked are declared to be personal/,
    );
  });

  test.each<[string, unknown]>([
    ['whom', { name: { forgotten: '' } }],
    ['what is read then', { name: { subject: 'id' } }],
  ])('have to say %s', (_what, declared) => {
    const define = event as unknown as (options: object) => MessageDefinition;
    expect(() => define({ personal: declared })).toThrow(TypeError);
  });

  test('of older versions are forgotten under their old names, before upcasts', async () => {
    const { recorder, app, subjectKeys } = open();
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    await subjectKeys.forget('c-1');
    const next = defineDecider({
      name: 'Booking',
      events: {
        Booked: event<{ room: string; payerId: string; paidBy: string }>({
          ...{ version: 2, upcasts: { 1: ({ payer, ...rest }) => ({ ...rest, paidBy: `${String(payer)}!` }) } },
          personal: {
            paidBy: { subject: 'payerId', forgotten: 'nobody' },
            ...{ payer: { subject: 'payerId', forgotten: 'nobody' } },
          },
        }),
        Cancelled: event<{ why: string }>(),
      },
      commands: {},
      initialState: () => ({ paidBy: '' }),
      decide: {},
      evolve: { Booked: (_state, event) => ({ paidBy: event.data.paidBy }), Cancelled: (state) => state },
    });
    const later = new Application({ recorder, aggregates: [next], subjectKeys });
    expect((await later.repository.load(next, id)).state).toEqual({ paidBy: 'nobody!' });
  });
});

describe('snapshots of what is personal', () => {
  test('cannot be read as they lie there, and not at all after anybody was forgotten', async () => {
    const store = new MemorySnapshotStore();
    const failures: unknown[] = [];
    const { app, subjectKeys } = open({ snapshots: { store, interval: 1, onFailed: (error) => failures.push(error) } });
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    const snapshot = await store.select(id);
    expect(new TextDecoder().decode(snapshot?.state)).not.toMatch(/Anna|Ben/);
    expect((await app.repository.load(booking, id)).state).toEqual(data);
    expect(failures).toEqual([]);
    await subjectKeys.forget('c-2');
    expect((await app.repository.load(booking, id)).state.guests?.map(({ name }) => name)).toEqual([
      'Anna Berg',
      '(somebody)',
    ]);
    expect(failures).toMatchObject([{ code: 'SUBJECT_KEY_MISSING' }]);
  });
});

test('kept commands are sealed as events are, and are decided again without what was forgotten', async () => {
  const keys = new MemorySubjectKeys();
  const sealer = new PersonalSealer(new KeysAtHand(keys, systemClock), defaultTranscoder());
  const codec = new CommandCodec({ transcoder: defaultTranscoder() }, [booking], sealer);
  const one = { aggregateType: 'Booking', aggregateId: newOriginatorId(), command: { type: 'Book', data } };
  const bytes = await codec.encode({ commands: [one], metadata: { actorId: 'anna' } });
  expect(new TextDecoder().decode(bytes)).not.toMatch(/Anna|Ben/);
  expect(await codec.decode(bytes)).toEqual({ commands: [one], metadata: { actorId: 'anna' } });
  await keys.forget('c-1');
  expect(await codec.decode(bytes)).toMatchObject({
    commands: [{ command: { data: { payer: '(forgotten)', room: '12' } } }],
  });
});

test('a key is asked for once in a minute, and again when it was not there', async () => {
  const recorder = new MemoryProcessRecorder();
  let asked = 0;
  class Counting extends MemorySubjectKeys {
    override find(ids: readonly string[]): Promise<readonly FoundKey[]> {
      asked += 1;
      return super.find(ids);
    }
  }
  let nowMs = 0;
  const clock = { nowMs: () => 0, monotonicMs: () => nowMs };
  const app = new Application({ recorder, aggregates: [booking], subjectKeys: new Counting(), clock: clock as never });
  const id = newOriginatorId();
  await app.execute(booking, id, { type: 'Book', data: { ...data, guests: [] } });
  for (let times = 0; times < 3; times += 1) await app.repository.load(booking, id);
  expect(asked).toBe(1);
  nowMs = 60_001;
  await app.repository.load(booking, id);
  expect(asked).toBe(2);
});

/** Keys of which a person is forgotten just after they were given to somebody who reads. */
class ForgottenWhileRead extends MemorySubjectKeys {
  isArmed = false;

  override async find(ids: readonly string[]): Promise<readonly FoundKey[]> {
    const found = await super.find(ids);
    if (this.isArmed && found.some((one) => typeof one === 'object' && one.subject === 'c-1')) {
      this.isArmed = false;
      await this.forget('c-1');
    }
    return found;
  }
}

describe('who is forgotten while an aggregate is read', () => {
  const forgotten = { payer: '(forgotten)', guests: [{ name: '(somebody)' }, { name: 'Ben Tal' }] };

  test('does not stay in a cache', async () => {
    const subjectKeys = new ForgottenWhileRead();
    const { app } = open({ subjectKeys, cache: {} });
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    subjectKeys.isArmed = true;
    await app.repository.load(booking, id);
    expect(subjectKeys.isArmed).toBe(false);
    expect((await app.repository.load(booking, id)).state).toMatchObject(forgotten);
  });

  test('is in no snapshot that anybody can read', async () => {
    const subjectKeys = new ForgottenWhileRead();
    const store = new MemorySnapshotStore();
    const { app, recorder } = open({ subjectKeys, snapshots: { store, interval: 1_000 } });
    const id = newOriginatorId();
    await app.execute(booking, id, { type: 'Book', data });
    subjectKeys.isArmed = true;
    await app.takeSnapshot(booking, id);
    expect(subjectKeys.isArmed).toBe(false);
    expect(await store.select(id)).toBeDefined();
    const later = new Application({ recorder, aggregates: [booking], subjectKeys, snapshots: { store } });
    expect((await later.repository.load(booking, id)).state).toMatchObject(forgotten);
  });
});

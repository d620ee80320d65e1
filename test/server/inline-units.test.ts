/** Who takes part in the transactions of a log of units, on every kind of tables that a log has. */
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import type { InlineParticipant } from '../../src/application/events/inline-participant.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { InlineProjection } from '../../src/application/projections/inline-projection.js';
import { sqlProjection } from '../../src/application/projections/projection.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { PendingUnit } from '../../src/persistence/unit.js';
import { startNodeHost } from '../../src/server/hosts/index.js';
import { ForbiddenError, PostgresUnitLog } from '../../src/server/index.js';
import type { InlinePushes, PushOutcome, Sender } from '../../src/server/index.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { testOrder, testStock } from '../../src/testing/conformance/order-world.js';
import { asLost, readLog, sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { createSqlAlchemyTables } from '../support/sqlalchemy-tables.js';
import { codeOf, jsonOf, pushRequest } from '../support/unit-wire.js';
import { sharedPglite } from '../support/pglite-fixture.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../support/unit-log-fixture.js';

interface World extends PostgresLogFixture {
  readonly index: SqlEventIndex;
  readonly outbox: SqlOutbox;
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function onPostgres(options: Parameters<typeof makePostgresLog>[1] = {}): Promise<PostgresLogFixture> {
  const { pool, close } = await openPostgres();
  cleanUps.push(close);
  if (options.schema !== undefined) await pool.query(`CREATE SCHEMA ${options.schema}`);
  return await makePostgresLog(pool, options);
}

const TABLES: Readonly<Record<string, () => Promise<PostgresLogFixture>>> = {
  PostgreSQL: () => onPostgres(),
  'PostgreSQL, in a schema, ids as texts': () => onPostgres({ schema: uniqueName(), originatorIdType: 'text' }),
  'PostgreSQL, tables of Python 10': () => onPostgres({ layout: '10' }),
  'PostgreSQL, tables of SQLAlchemy': async () => {
    const { pool, close } = await openPostgres();
    cleanUps.push(close);
    return await makePostgresLog(pool, await createSqlAlchemyTables(pool, uniqueName()));
  },
  PGlite: async () => await makePostgresLog(sharedPglite()),
};

async function openOn(engine: string): Promise<World> {
  const fixture = await (TABLES[engine] as () => Promise<PostgresLogFixture>)();
  const { recorder } = fixture;
  const index = new SqlEventIndex({ recorder, table: uniqueName() });
  const outbox = new SqlOutbox({ recorder, table: uniqueName() });
  await index.createTables();
  await outbox.createTables();
  return { ...fixture, index, outbox };
}

const newId = (): string => crypto.randomUUID();
const ANN: Sender = { subject: 'ann', replicaId: newId() };
const BOB: Sender = { subject: 'bob', replicaId: newId() };

/** Units of a device that has recorded stock, one for each list of event ids, of new aggregates. */
async function unitsOf(...eventIds: readonly (readonly string[])[]): Promise<PendingUnit[]> {
  const recorder = new MemoryProcessRecorder();
  const ids = eventIds.flat();
  const app = new Application({ recorder, aggregates: [testStock], newEventId: () => ids.shift() as string });
  const add = { type: 'Add', data: { quantity: 1 } } as const;
  for (const _id of eventIds.flat()) {
    await app.execute(testStock, newOriginatorId(), add, { metadata: { actorId: 'anna' } });
  }
  const all = await recorder.selectNotifications({ start: 1, limit: 1_000 });
  const events = all.map(({ id: _id, ...event }) => event);
  return eventIds.map(({ length }) => sampleUnit(events.splice(0, length)));
}

const unitOf = async (...eventIds: string[]): Promise<PendingUnit> => (await unitsOf(eventIds))[0] as PendingUnit;

/** The server's own application; it knows no orders. */
const applicationOn = (recorder: PostgresProcessRecorder, inline: readonly InlineParticipant[] = []): Application =>
  new Application({ recorder, aggregates: [testStock], inline });

function logOn(
  { open, recorder }: PostgresLogFixture,
  participants: readonly InlineParticipant[],
  log: (message: string, error: unknown) => void = vi.fn(),
): PostgresUnitLog {
  const app = applicationOn(recorder);
  return open({ inline: { participants, decode: (notification) => app.decode(notification), log } });
}

const kindsOf = ({ decisions }: PushOutcome): string[] =>
  decisions.map((decision) => (decision.kind === 'rejected' ? decision.code : decision.kind));

const storedOf = ({ recorder }: PostgresLogFixture): ReturnType<PostgresProcessRecorder['selectNotifications']> =>
  recorder.selectNotifications({ start: 1, limit: 100 });

const originatorIdsOf = (events: readonly StoredEvent[]): string[] => events.map(({ originatorId }) => originatorId);

describe.each(Object.keys(TABLES))('who takes part in pushes, in tables of %s', (engine) => {
  const open = (): Promise<World> => openOn(engine);

  it('knows what was pushed, by the ids that it has on the server', async () => {
    const world = await open();
    const log = logOn(world, [world.index, world.outbox]);
    await log.push([await unitOf(newId(), newId())], BOB);
    const eventIds = [newId(), newId()];
    const unit = await unitOf(...eventIds);
    expect(kindsOf(await log.push([unit], ANN))).toEqual(['accepted']);
    const stored = await storedOf(world);
    expect(stored).toHaveLength(4);
    expect(await world.index.findEvent(eventIds[1] as string)).toMatchObject({
      notificationId: stored[3]?.id,
      aggregateId: unit.events[1]?.originatorId,
      aggregateVersion: 1,
      eventType: 'Added',
      actorId: 'anna',
    });
    expect((await world.outbox.pending()).map(({ position }) => position)).toEqual(stored.map(({ id }) => id));
  });

  it('refuses the unit of an event id that another device has taken, for good, and nothing of it is stored', async () => {
    const world = await open();
    const log = logOn(world, [world.outbox, world.index]);
    const [shared, own] = [newId(), newId()];
    const first = await unitOf(shared);
    await log.push([first], BOB);
    const [before, second, after] = (await unitsOf([newId()], [own, shared], [newId()])) as [
      PendingUnit,
      PendingUnit,
      PendingUnit,
    ];
    const outcome = await log.push([before, second, after], ANN);
    expect(kindsOf(outcome)).toEqual(['accepted', 'DUPLICATE_EVENT', 'accepted']);
    expect(outcome).toMatchObject({ conflict: undefined, head: 3 });
    const refused = outcome.decisions[1];
    expect(refused).toMatchObject({ message: expect.stringContaining(shared) as string });
    expect(originatorIdsOf(await storedOf(world))).toEqual(
      originatorIdsOf([first, before, after].flatMap(({ events }) => events)),
    );
    expect(await world.index.hasEvent(own)).toBe(false);
    expect(await world.index.findEvent(shared)).toMatchObject({ aggregateId: first.events[0]?.originatorId });
    expect(await world.outbox.pending()).toHaveLength(3);
    // It is told the same again, and whoever reads the log sees nothing torn.
    expect((await log.push([second], ANN)).decisions).toEqual([refused]);
    expect((await readLog(log)).units.map(({ id }) => id)).toEqual([first.id, before.id, after.id]);
    expect(kindsOf(await log.push([await unitOf(newId())], BOB))).toEqual(['accepted']);
  });

  it('ends the push at what stands on a unit that is refused', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const shared = newId();
    await log.push([await unitOf(shared)], BOB);
    const [first, second] = (await unitsOf([shared], [newId()])) as [PendingUnit, PendingUnit];
    const { originatorId } = first.events[0] as StoredEvent;
    const onIt = second.events.map((event) => ({ ...event, originatorId, originatorVersion: 2 }));
    const outcome = await log.push([first, { ...second, events: onIt, after: [first.id] }], ANN);
    expect([kindsOf(outcome), outcome.conflict]).toEqual([['DUPLICATE_EVENT'], second.id]);
    expect(await storedOf(world)).toHaveLength(1);
  });

  it('lets one of many devices have an event id that all push at once', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const shared = newId();
    const units = await Promise.all(Array.from({ length: 6 }, () => unitOf(newId(), shared, newId())));
    const outcomes = await Promise.all(units.map((unit) => log.push([unit], { ...ANN, replicaId: newId() })));
    const codes = outcomes.flatMap(kindsOf);
    expect(codes.toSorted()).toEqual([...Array.from({ length: 5 }, () => 'DUPLICATE_EVENT'), 'accepted']);
    const winner = units[codes.indexOf('accepted')] as PendingUnit;
    expect(originatorIdsOf(await storedOf(world))).toEqual(originatorIdsOf(winner.events));
  });

  it('takes a push that comes again, also ten times at once, for what it is', async () => {
    const world = await open();
    const log = logOn(world, [world.index, world.outbox]);
    const units = await unitsOf([newId()], [newId(), newId()]);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => log.push(units, ANN)));
    expect(outcomes.map(kindsOf)).toEqual(outcomes.map(() => ['accepted', 'accepted']));
    const [more] = await unitsOf([newId()]);
    expect(kindsOf(await log.push([...units, more as PendingUnit], ANN))).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await storedOf(world)).toHaveLength(4);
    expect(await world.outbox.pending()).toHaveLength(4);
  });

  it('refuses the later one of two that have the same event id, and a unit that has it twice', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const shared = newId();
    const units = await unitsOf([newId(), shared], [newId()], [shared], [newId()]);
    expect(kindsOf(await log.push(units, ANN))).toEqual(['accepted', 'accepted', 'DUPLICATE_EVENT', 'accepted']);
    const twice = newId();
    expect(kindsOf(await log.push([await unitOf(twice, newId(), twice)], ANN))).toEqual(['DUPLICATE_EVENT']);
    expect(await world.index.hasEvent(twice)).toBe(false);
    expect(await storedOf(world)).toHaveLength(4);
  });

  it("keeps ids of pushes and of the server's own application apart", async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const [pushed, recorded] = [newId(), newId()];
    const ids = [recorded, pushed];
    const newEventId = (): string => ids.shift() as string;
    const { recorder, index } = world;
    const app = new Application({ recorder, aggregates: [testStock], inline: [index], newEventId });
    const add = { type: 'Add', data: { quantity: 1 } } as const;
    await app.execute(testStock, newOriginatorId(), add);
    expect(kindsOf(await log.push([await unitOf(recorded)], ANN))).toEqual(['DUPLICATE_EVENT']);
    await log.push([await unitOf(pushed)], ANN);
    await expect(app.execute(testStock, newOriginatorId(), add)).rejects.toMatchObject({ code: 'DUPLICATE_EVENT' });
    expect(await storedOf(world)).toHaveLength(2);
  });

  it('refuses by errors of its own, with their codes; what is none leaves everything to be tried again', async () => {
    const world = await open();
    class ClosedError extends ForbiddenError {
      static override readonly code: string = 'CLOSED_ON_SUNDAYS';
    }
    let thrown: ((aggregateId: string) => Error | undefined) | undefined;
    const onRecorded: InlineParticipant['onRecorded'] = async (_transaction, events) => {
      for (const { originatorId } of events) {
        const error = thrown?.(originatorId);
        if (error !== undefined) throw error;
        await Promise.resolve();
      }
    };
    const log = logOn(world, [world.index, { onRecorded }]);
    const eventIds = [newId(), newId(), newId()] as const;
    const units = await unitsOf([eventIds[0]], [eventIds[1]], [eventIds[2]]);
    const mistake = new TypeError('a mistake');
    thrown = () => mistake;
    await expect(log.push(units, ANN)).rejects.toBe(mistake);
    expect([await storedOf(world), await world.index.hasEvent(eventIds[0])]).toEqual([[], false]);
    const [, refused] = originatorIdsOf(units.flatMap(({ events }) => events));
    thrown = (id) => (id === refused ? new ClosedError('Not on Sundays.') : undefined);
    const outcome = await log.push(units, ANN);
    expect(outcome.decisions[1]).toMatchObject({ code: 'CLOSED_ON_SUNDAYS', message: 'Not on Sundays.' });
    expect(kindsOf(outcome)).toEqual(['accepted', 'CLOSED_ON_SUNDAYS', 'accepted']);
    thrown = undefined;
    expect(kindsOf(await log.push(units, ANN))).toEqual(['accepted', 'CLOSED_ON_SUNDAYS', 'accepted']);
    expect(await Promise.all(eventIds.map((id) => world.index.hasEvent(id)))).toEqual([true, false, true]);
  });

  it('cannot know an event that cannot be read: its unit waits, until the server knows its like', async () => {
    const world = await open();
    const told = vi.fn();
    const log = logOn(world, [world.index], told);
    const [first, second, third] = (await unitsOf([newId()], [newId(), newId()], [newId()])) as [
      PendingUnit,
      PendingUnit,
      PendingUnit,
    ];
    const changed = (part: Partial<StoredEvent>): PendingUnit => ({
      ...second,
      events: second.events.map((event, index) => (index === 1 ? { ...event, ...part } : event)),
    });
    const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
    for (const [part, reason] of [
      [{ topic: 'TestOrder:Confirmed' }, 'TOPIC_ERROR'],
      [{ state: utf8('{"quantity":') }, 'MAPPER_DESERIALISATION_ERROR'],
      [{ state: utf8('7') }, 'MAPPER_DESERIALISATION_ERROR'],
    ] as const) {
      // What is before it must not wait with it.
      const outcome = await log.push([first, changed(part), third], ANN);
      expect([kindsOf(outcome), outcome.conflict]).toEqual([['accepted'], undefined]);
      await expect(log.push([changed(part), third], ANN)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        details: { reason, unitId: second.id, originatorId: second.events[1]?.originatorId, originatorVersion: 1 },
      });
      expect(told.mock.lastCall?.[1]).toMatchObject({ code: reason });
    }
    expect(await storedOf(world)).toHaveLength(1);
    const wiser = new Application({ recorder: world.recorder, aggregates: [testStock, testOrder] });
    const inline: InlinePushes = { participants: [world.index], decode: (event) => wiser.decode(event) };
    const units = [changed({ topic: 'TestOrder:Confirmed' }), third];
    expect(kindsOf(await world.open({ inline }).push(units, ANN))).toEqual(['accepted', 'accepted']);
  });

  it('is not asked about what the operator refuses, also where it cannot be read', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const unreadable = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const refusal = { code: 'OLD', message: 'Nobody reads these any more.' };
    const outcome = await log.push([unreadable], ANN, async () => await Promise.resolve(refusal));
    expect(kindsOf(outcome)).toEqual(['OLD']);
  });

  it('knows commutative events by the versions that they have in the log', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const [first, second] = (await unitsOf([newId()], [newId()])) as [PendingUnit, PendingUnit];
    const { originatorId } = first.events[0] as StoredEvent;
    const events = second.events.map((event) => ({ ...event, originatorId }));
    await log.push([first], BOB);
    const outcome = await log.push([{ ...second, events, isCommutative: true, after: [undefined] }], ANN);
    expect(kindsOf(outcome)).toEqual(['accepted']);
    const indexed = await world.index.find({ aggregateId: originatorId });
    expect(indexed.map(({ aggregateVersion }) => aggregateVersion)).toEqual([1, 2]);
  });

  it('hears of the commit after it; its failure then is its own', async () => {
    const world = await open();
    const told = vi.fn();
    const heard: unknown[] = [];
    const deaf: InlineParticipant = {
      onCommitted: () => {
        throw new Error('deaf');
      },
    };
    const hears: InlineParticipant = {
      onCommitted: (events) =>
        heard.push(...events.map(({ notificationId, metadata }) => [notificationId, metadata.eventId])),
    };
    const log = logOn(world, [deaf, hears, world.index], told);
    const eventIds = [newId(), newId()];
    const units = await unitsOf([eventIds[0] as string], [eventIds[1] as string]);
    await log.push(units, ANN);
    await log.push(units, ANN);
    const stored = await storedOf(world);
    expect(heard).toEqual(stored.map(({ id }, at) => [id, eventIds[at]]));
    // Nothing of a unit that was refused, and was tried.
    await log.push(await unitsOf([newId()], [eventIds[0] as string]), ANN);
    expect(heard).toHaveLength(3);
    expect(told).toHaveBeenCalledTimes(2);
    expect(told.mock.lastCall?.[1]).toMatchObject({ message: 'deaf' });
  });

  it('knows what was brought back, and refuses that too', async () => {
    const world = await open();
    const seals = { keys: [new Uint8Array(32).fill(7)] };
    const [kept, taken] = [newId(), newId()];
    const lost = await (async () => {
      const other = await open();
      const log = other.open({ seals });
      await log.push(await unitsOf([kept], [taken], [newId()]), ANN);
      return asLost((await readLog(log)).units);
    })();
    const app = applicationOn(world.recorder);
    const inline: InlinePushes = { participants: [world.index], decode: (event) => app.decode(event) };
    const log = world.open({ seals, inline });
    await log.push([await unitOf(taken)], BOB);
    expect((await log.heal(lost, ANN)).decisions.map(({ kind }) => kind)).toEqual(['restored', 'setAside', 'restored']);
    expect(await world.index.findEvent(kept)).toMatchObject({ aggregateId: lost[0]?.events[0]?.originatorId });
    expect(await log.refused({ limit: 10 })).toMatchObject([{ code: 'DUPLICATE_EVENT', unit: { id: lost[1]?.id } }]);
  });

  it('cannot know what was brought back and cannot be read: that is set aside, and holds nothing else up', async () => {
    const world = await open();
    const seals = { keys: [new Uint8Array(32).fill(7)] };
    const units = await unitsOf([newId()], [newId()], [newId()], [newId()]);
    const [readable, foreign, next, later] = units as [PendingUnit, PendingUnit, PendingUnit, PendingUnit];
    const unknown = { ...foreign, events: foreign.events.map((event) => ({ ...event, topic: 'TestOrder:Confirmed' })) };
    const { originatorId } = foreign.events[0] as StoredEvent;
    const onIt = sampleUnit(
      next.events.map((event) => ({ ...event, originatorId, originatorVersion: 2 })),
      { after: [foreign.id] },
    );
    const other = await open();
    const before = other.open({ seals });
    await before.push([readable, unknown, onIt, later], ANN);
    const lost = asLost((await readLog(before)).units);
    const app = applicationOn(world.recorder);
    const told = vi.fn();
    const decode: InlinePushes['decode'] = (event) => app.decode(event);
    const log = world.open({ seals, inline: { participants: [world.index], decode, log: told } });
    const kinds = (await log.heal(lost, ANN)).decisions.map(({ kind }) => kind);
    expect(kinds).toEqual(['restored', 'setAside', 'setAside', 'restored']);
    const reasons = (await log.refused({ limit: 10 })).map(({ id, code }) => ({ id, code }));
    expect(reasons.toSorted((one, two) => two.code.localeCompare(one.code))).toEqual([
      { id: unknown.id, code: 'INVALID_REQUEST' },
      { id: onIt.id, code: 'CONFLICT' },
    ]);
    expect(told).toHaveBeenCalledTimes(1);
    // A server that knows such events takes them back after all.
    const wiser = new Application({ recorder: world.recorder, aggregates: [testStock, testOrder] });
    const inline: InlinePushes = { participants: [world.index], decode: (event) => wiser.decode(event) };
    const again = (await world.open({ seals, inline }).heal(lost, BOB)).decisions.map(({ kind }) => kind);
    expect(again).toEqual(['known', 'restored', 'restored', 'known']);
  });

  it('holds up who sent what cannot be read, and nobody else: not others, pages, or what comes with them', async () => {
    const world = await open();
    const told = vi.fn();
    const log = logOn(world, [world.index], told);
    const [foreign, own] = (await unitsOf([newId()], [newId()])) as [PendingUnit, PendingUnit];
    const unknown = { ...foreign, events: foreign.events.map((event) => ({ ...event, topic: 'TestOrder:Confirmed' })) };
    const others = await unitsOf(...Array.from({ length: 5 }, () => [newId()]));
    const pushes = others.map(async (unit) => kindsOf(await log.push([unit], BOB)));
    const waiting = log.push([unknown, own], ANN).catch((error: unknown) => (error as { code: string }).code);
    expect(await Promise.all([waiting, ...pushes])).toEqual(['INVALID_REQUEST', ...others.map(() => ['accepted'])]);
    expect((await readLog(log)).units.map(({ id }) => id).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    // One line for each time that it is tried.
    expect(told).toHaveBeenCalledTimes(1);
    // Who knows that it never will be readable says so, and what is after it goes on.
    const refusal = { code: 'UNKNOWN_TOPIC', message: 'No server reads these.' };
    const outcome = await log.push([unknown, own], ANN, async (unit) =>
      Promise.resolve(unit.id === unknown.id ? refusal : undefined),
    );
    expect(kindsOf(outcome)).toEqual(['UNKNOWN_TOPIC', 'accepted']);
  });
});

describe('who takes part in pushes, in PostgreSQL', () => {
  const open = (): Promise<World> => openOn('PostgreSQL');

  it('has a view that holds a push when it is answered', async () => {
    const world = await open();
    const app = applicationOn(world.recorder);
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
    const { recorder } = world;
    const view = new InlineProjection({ projection, recorder, decode: (notification) => app.decode(notification) });
    await view.setUp();
    const units = await unitsOf([newId()], [newId()]);
    await logOn(world, [view]).push(units, ANN);
    const { rows } = await world.pool.query(`SELECT id FROM ${table}`);
    expect(rows.map(({ id }) => id).toSorted()).toEqual(
      originatorIdsOf(units.flatMap(({ events }) => events)).toSorted(),
    );
  });

  it('has nothing of a text that no index can hold: that unit is refused, and not tried for ever', async () => {
    const world = await open();
    const log = logOn(world, [world.index]);
    const random = Array.from({ length: 300 }, newId).join('');
    const units = await unitsOf([newId()], [newId(), random], [newId()]);
    expect(kindsOf(await log.push(units, ANN))).toEqual(['accepted', 'INVALID_REQUEST', 'accepted']);
  });

  it('is answered for over HTTP: what is refused, and what is a fault', async () => {
    const world = await open();
    const told = vi.fn();
    const faults: Error[] = [];
    const onRecorded = async (): Promise<void> => {
      for (const fault of faults) await Promise.reject(fault);
    };
    const unitLog = logOn(world, [world.index, { onRecorded }], told);
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log: told });
    const shared = newId();
    const [first, second, unreadable] = [
      await unitOf(shared),
      await unitOf(shared),
      sampleUnit([sampleEvent(newOriginatorId(), 1)]),
    ];
    expect(await jsonOf(await fetch(pushRequest([first, second])))).toEqual({
      head: 1,
      decisions: [
        [first.id, 'accepted', 1],
        [second.id, 'rejected', 'DUPLICATE_EVENT', expect.stringContaining(shared)],
      ],
    });
    const waiting = await fetch(pushRequest([unreadable]));
    expect([waiting.status, await codeOf(waiting)]).toEqual([400, 'INVALID_REQUEST']);
    faults.push(new TypeError('a mistake'));
    const failed = await fetch(pushRequest([await unitOf(newId())]));
    expect(failed.status).toBe(500);
    expect(told).toHaveBeenLastCalledWith(expect.stringContaining('500'), faults[0]);
  });

  it('is made by the host when its tables are there', async () => {
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
    const outcomes = await Promise.all(
      [await unitOf(shared), await unitOf(shared)].map((unit) => host.unitLog.push([unit], ANN)),
    );
    expect(outcomes.flatMap(kindsOf).toSorted()).toEqual(['DUPLICATE_EVENT', 'accepted']);
  });

  it.each<[string, object | null]>([
    ['null', null],
    ['a list', []],
    ['no decoder', { participants: [] }],
    ['participants that are no list', { participants: {}, decode: () => undefined }],
    ['a log that is no function', { participants: [], decode: () => undefined, log: console }],
  ])('is refused at the start: %s', async (_case, inline) => {
    const { recorder } = await open();
    expect(() => new PostgresUnitLog({ recorder, inline: inline as never })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error,
    );
  });
});

it('where nobody takes part, nothing is decoded', async () => {
  const world = await openOn('PostgreSQL');
  const decode = vi.fn(async () => await Promise.reject(new Error('asked')));
  for (const inline of [undefined, { participants: [], decode }]) {
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    expect(kindsOf(await world.open({ inline }).push([unit], ANN))).toEqual(['accepted']);
  }
  expect(decode).not.toHaveBeenCalled();
});

/** Pushes that are written on the hope that all is new and fits: one message where it is so, and as if looked at where it is not. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { notingPool } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';

const ANN = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const BEN = { subject: 'ben', replicaId: '00000000-0000-4000-8000-00000000000b' };
const HOPED = /not_as_hoped/;
const LOOKED = /FOR UPDATE OF h/;

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

/** Two processes with one log. Of the first, what it sends is noted from its second push on: it knows the end of the log then. */
async function twoOfOne(): Promise<{
  readonly ours: PostgresUnitLog;
  readonly theirs: PostgresUnitLog;
  readonly events: string;
  /** Whether a push hoped, and whether it looked, since this was asked last. */
  readonly sent: () => { readonly hoped: number; readonly looked: number };
}> {
  const [applicationName, name] = [uniqueName(), uniqueName()];
  const noted: RunStatement[] = [];
  const open = (pool: PostgresPool): [PostgresProcessRecorder, PostgresUnitLog] => {
    const recorder = new PostgresProcessRecorder({ pool, applicationName });
    return [recorder, new PostgresUnitLog({ recorder, name })];
  };
  const [recorder, ours] = open(notingPool(postgres.pool, noted));
  await recorder.createTable();
  await ours.createTables();
  const [, theirs] = open(postgres.pool);
  await ours.push([someUnit()], ANN);
  noted.length = 0;
  const countOf = (what: RegExp): number => noted.filter(({ text }) => what.test(text)).length;
  const sent = (): { hoped: number; looked: number } => {
    const counts = { hoped: countOf(HOPED), looked: countOf(LOOKED) };
    noted.length = 0;
    return counts;
  };
  return { ours, theirs, events: recorder.dialect.log?.eventsTable ?? '', sent };
}

/** What a message is about. */
const [WRITTEN, SEEN] = ['written', 'looked at'];

/** A log whose end the process knows, the messages that it sends from then on, and what may come between. */
async function logByMessages(): Promise<{
  readonly log: PostgresUnitLog;
  readonly messages: readonly string[];
  /** `next` is called once, in the place of the next message. `lent` counts the connections. */
  readonly before: { next?: ((send: () => Promise<unknown>) => Promise<unknown>) | undefined; lent: number };
}> {
  const [applicationName, name] = [uniqueName(), uniqueName()];
  const messages: string[] = [];
  const before: Awaited<ReturnType<typeof logByMessages>>['before'] = { lent: 0 };
  const { pool } = postgres;
  const noting: PostgresPool = {
    query: (...given) => pool.query(...given),
    connect: async () => {
      const client = await pool.connect();
      before.lent++;
      return {
        query: async (text, values) => {
          if (!text.includes('NOTIFY')) {
            messages.push(
              text.includes('not_as_hoped') && text.includes('COMMIT')
                ? WRITTEN
                : text.includes('FOR UPDATE OF h')
                  ? SEEN
                  : text,
            );
          }
          const send = async (): Promise<never> => (await client.query(text, values)) as never;
          const { next } = before;
          before.next = undefined;
          return next === undefined ? await send() : (((await next(send)) ?? (await send())) as never);
        },
        release: (error) => client.release(error),
      };
    },
  };
  const recorder = new PostgresProcessRecorder({ pool: noting, applicationName });
  await recorder.createTable();
  const log = new PostgresUnitLog({ recorder, name });
  await log.createTables();
  await log.push([someUnit()], ANN);
  messages.length = 0;
  before.lent = 0;
  return { log, messages, before };
}

/** As many as are not put together with others. */
function manyUnits(): readonly PendingUnit[] {
  return Array.from({ length: 100 }, () => someUnit());
}

function someUnit(originatorId: string = newOriginatorId(), version: number = 1, after?: string): PendingUnit {
  return sampleUnit([sampleEvent(originatorId, version)], { after: [after] });
}

const idsOf = async (log: PostgresUnitLog): Promise<readonly string[]> =>
  (await readLog(log)).units.map(({ id }) => id);

describe('a push whose units are new and fit', () => {
  it('is written without a look before, alone, after another one, and on what is there', async () => {
    const { ours, sent } = await twoOfOne();
    const id = newOriginatorId();
    const first = someUnit(id);
    expect(await ours.push([first], ANN)).toMatchObject({ conflict: undefined, head: 2 });
    const second = someUnit(id, 2, first.id);
    expect(await ours.push([second, someUnit()], ANN, undefined, undefined, first.id)).toMatchObject({ head: 4 });
    expect(sent()).toEqual({ hoped: 2, looked: 0 });
    expect(await ours.push([someUnit(id, 3, second.id)], BEN)).toMatchObject({ conflict: undefined, head: 5 });
    expect(sent()).toEqual({ hoped: 1, looked: 0 });
    expect(await idsOf(ours)).toHaveLength(5);
  });

  it('is one message', async () => {
    const { log, messages } = await logByMessages();
    await log.push([someUnit()], ANN);
    expect(messages).toEqual([WRITTEN]);
  });

  it('is decided while the one before it is written, and written after that', async () => {
    const { log, messages, before } = await logByMessages();
    const gate = Promise.withResolvers<void>();
    before.next = () => gate.promise;
    const [first, second] = [manyUnits(), manyUnits()];
    const pushed = [log.push(first, ANN), log.push(second, ANN, undefined, undefined, first.at(-1)!.id)];
    // On a connection of its own, on which nothing is sent yet.
    await vi.waitFor(() => expect(before.lent).toBe(2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages).toEqual([WRITTEN]);
    gate.resolve();
    expect(await Promise.all(pushed)).toMatchObject([{ head: 101 }, { head: 201, conflict: undefined }]);
    expect(messages).toEqual([WRITTEN, WRITTEN]);
    expect((await idsOf(log)).slice(1)).toEqual([...first, ...second].map(({ id }) => id));
  });
});

describe('a push of which nobody says what became of it', () => {
  it.each([
    ['written', true],
    ['not written', false],
  ])('is looked at, and answered: it was %s', async (_how, isWritten) => {
    const { log, messages, before } = await logByMessages();
    before.next = async (send) => {
      if (isWritten) await send();
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    };
    const unit = someUnit();
    expect(await log.push([unit], ANN)).toMatchObject({
      decisions: [{ id: unit.id, kind: 'accepted', position: 2 }],
      conflict: undefined,
      head: 2,
    });
    expect(messages[0]).toBe(WRITTEN);
    expect(messages).toContain(SEEN);
    expect((await idsOf(log)).slice(1)).toEqual([unit.id]);
  });

  it('takes with it what was decided on it meanwhile, which is looked at as well: each is there once', async () => {
    const { log, before } = await logByMessages();
    const gate = Promise.withResolvers<void>();
    before.next = async () => {
      await gate.promise;
      throw Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
    };
    const [first, second] = [manyUnits(), manyUnits()];
    const pushed = [log.push(first, ANN), log.push(second, ANN)];
    await vi.waitFor(() => expect(before.lent).toBe(2));
    gate.resolve();
    for (const { conflict, decisions } of await Promise.all(pushed)) {
      expect(conflict).toBeUndefined();
      expect(decisions.every(({ kind }) => kind === 'accepted')).toBe(true);
    }
    const ids = await idsOf(log);
    expect(ids).toHaveLength(201);
    expect(new Set(ids)).toEqual(new Set([ids[0], ...first.map(({ id }) => id), ...second.map(({ id }) => id)]));
  });
});

describe('a push that is not as was hoped', () => {
  it('comes after what another process has written, which is looked at for a while then', async () => {
    const { ours, theirs, sent } = await twoOfOne();
    const [their, our] = [someUnit(), someUnit()];
    await theirs.push([their], BEN);
    expect(await ours.push([our], ANN)).toMatchObject({ conflict: undefined, head: 3 });
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    expect((await idsOf(ours)).slice(1)).toEqual([their.id, our.id]);
    for (let more = 1; more <= 16; more++) await ours.push([someUnit()], ANN);
    expect(sent()).toEqual({ hoped: 0, looked: 16 });
    await ours.push([someUnit()], ANN);
    expect(sent()).toEqual({ hoped: 1, looked: 0 });
  });

  it('is answered as before where the log has its units, and tells nothing of those of others', async () => {
    const { ours, sent } = await twoOfOne();
    const unit = someUnit();
    await ours.push([unit], ANN);
    sent();
    expect((await ours.push([unit], ANN)).decisions).toEqual([
      { id: unit.id, kind: 'accepted', position: 2, isNew: false },
    ]);
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    expect((await ours.push([unit], BEN)).decisions).toMatchObject([{ kind: 'rejected', code: 'FORBIDDEN' }]);
    expect(await idsOf(ours)).toHaveLength(2);
  });

  it.each<[string, (id: string, first: PendingUnit, second: PendingUnit) => PendingUnit]>([
    ['begins an aggregate that is there', (id) => someUnit(id)],
    ['begins it with another version', (id) => someUnit(id, 7)],
    ['stands on an older unit', (id, first) => someUnit(id, 2, first.id)],
    ['stands on another unit', (id, first) => someUnit(id, 3, first.id)],
    ['has left a version out', (id, _first, second) => someUnit(id, 4, second.id)],
    ['stands on what is not there', () => someUnit(newOriginatorId(), 2, newOriginatorId())],
  ])('ends at a unit that %s', async (_how, make) => {
    const { ours, sent } = await twoOfOne();
    const id = newOriginatorId();
    const first = someUnit(id);
    const second = someUnit(id, 2, first.id);
    await ours.push([first, second], ANN);
    sent();
    const [good, bad] = [someUnit(), make(id, first, second)];
    const outcome = await ours.push([good, bad, someUnit()], ANN);
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    expect(outcome).toMatchObject({ decisions: [{ id: good.id, kind: 'accepted' }], conflict: bad.id, head: 4 });
    expect((await idsOf(ours)).slice(1)).toEqual([first.id, second.id, good.id]);
  });

  it.each(['is not known', "is another subject's"])('has overtaken the one before it, whose id %s', async (how) => {
    const { ours, sent } = await twoOfOne();
    const [before, unit] = [someUnit(), someUnit()];
    if (how !== 'is not known') await ours.push([before], BEN);
    sent();
    expect(await ours.push([unit], ANN, undefined, undefined, before.id)).toMatchObject({
      decisions: [],
      conflict: unit.id,
    });
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    expect(await idsOf(ours)).not.toContain(unit.id);
  });

  it('comes after what another process has written to a log that was set back, with as many events', async () => {
    const noted: RunStatement[] = [];
    const fixture = await makePostgresLog(notingPool(postgres.pool, noted));
    const [ours, theirs] = [fixture.open(), fixture.open()];
    const [first, lost, their, our] = [someUnit(), someUnit(), someUnit(), someUnit()];
    await ours.push([first], ANN);
    const restore = await fixture.backup();
    await ours.push([lost], ANN);
    await restore();
    await theirs.push([their], BEN);
    noted.length = 0;
    expect(await ours.push([our], ANN)).toMatchObject({ conflict: undefined, head: 3 });
    expect([HOPED, LOOKED].map((what) => noted.filter(({ text }) => what.test(text)).length)).toEqual([1, 1]);
    expect(await idsOf(theirs)).toEqual([first.id, their.id, our.id]);
  });

  it('comes after what was inserted beside the log', async () => {
    const { ours, events, sent } = await twoOfOne();
    const stranger = newOriginatorId();
    await postgres.pool.query(
      `INSERT INTO ${events} (originator_id, originator_version, topic, state) VALUES ($1, 1, 'plain', '\\x01')`,
      [stranger],
    );
    const unit = someUnit();
    expect(await ours.push([unit], ANN)).toMatchObject({ conflict: undefined, head: 3 });
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    const { units } = await readLog(ours);
    expect(units.map(({ events: [event] }) => event?.originatorId).slice(1)).toEqual([
      stranger,
      unit.events[0]?.originatorId,
    ]);
  });

  it('would get other ids than the next ones, and takes none of them before that is known', async () => {
    const { ours, events, sent } = await twoOfOne();
    // Somebody has taken one, and commits it later, or never.
    await postgres.pool.query(`SELECT nextval(pg_get_serial_sequence('${events}', 'notification_id'))`);
    expect(await ours.push([someUnit(), someUnit()], ANN)).toMatchObject({ conflict: undefined, head: 3 });
    expect(sent()).toEqual({ hoped: 1, looked: 1 });
    const { rows } = await postgres.pool.query(`SELECT notification_id AS id FROM ${events} ORDER BY 1`);
    expect(rows.map(({ id }) => Number(id))).toEqual([1, 3, 4]);
  });
});

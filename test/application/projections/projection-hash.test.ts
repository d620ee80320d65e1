/** Hashes of views: the same on every engine for the same history, and another one for anything else. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { projectionHash, tablesHash } from '../../../src/application/projections/projection-hash.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { sqlProjection } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { columnTypes } from '../../../src/persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../../../src/persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { articleOf, articlesOf, commandOf } from '../../support/releases.js';
import { parcel, PARCELS, WEIGHTS_HASH, weightsOf } from '../../support/parcels.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';
import type { OpenedSqlRecorder } from '../../support/sql-recorders.js';
import { stock, StockPerson, stockView } from '../../support/stock-people.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

const RUNS = Number(process.env['HASH_RUNS'] ?? 15);
const SEED = Number(process.env['HASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const HASH = /^[0-9a-f]{64}$/;

type Row = readonly [
  id: string,
  whole: string | null,
  real: number | null,
  text: string | null,
  bytes: Uint8Array | null,
];

// PostgreSQL has no zero in a text, and no half of a surrogate pair.
const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const row: fc.Arbitrary<Row> = fc.tuple(
  fc.uuid(),
  optional(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  optional(fc.double({ noNaN: true, noDefaultInfinity: true })),
  optional(text),
  optional(fc.uint8Array({ maxLength: 40 })),
);
const rows = fc.uniqueArray(row, { selector: ([id]) => id, maxLength: 20 });

let opened: Readonly<Record<string, OpenedSqlRecorder>> = {};

beforeAll(async () => {
  const all = await Promise.all(
    Object.entries(SQL_RECORDERS).map(async ([name, open]) => [name, await open()] as const),
  );
  opened = Object.fromEntries(all);
});

afterAll(async () => {
  for (const { close } of Object.values(opened)) await close();
});

let tables = 0;

async function insert(connection: SqlQueryable, table: string, given: readonly Row[]): Promise<void> {
  for (let at = 0; at < given.length; at += 15) {
    const part = given.slice(at, at + 15);
    const places = part.map((_row, index) => `(${[1, 2, 3, 4, 5].map((place) => `$${index * 5 + place}`).join(', ')})`);
    await connection.query(`INSERT INTO ${table} VALUES ${places.join(', ')}`, part.flat());
  }
}

async function hashOf(recorder: SqlRecorder, given: readonly Row[], table = `hashed_${(tables += 1)}`) {
  const { integer, bytes } = columnTypes(recorder.dialect);
  return await recorder.transaction(async ({ connection }) => {
    await connection.query(
      `CREATE TABLE ${table} (id TEXT PRIMARY KEY, whole ${integer}, part DOUBLE PRECISION, words TEXT, octets ${bytes})`,
    );
    await insert(connection, table, given);
    const hash = await tablesHash(connection, recorder.dialect, { things: table });
    await connection.query(`DROP TABLE ${table}`);
    return hash;
  });
}

describe('tables', () => {
  test(`have one hash on all engines, in whatever order rows came, and another for other rows (seed ${SEED})`, async () => {
    const extremes: readonly Row[] = [
      ['a', '9007199254740993', 0.1, 'ü€𝄞', new Uint8Array([0, 255])],
      ['b', '-9223372036854775808', -0, '', new Uint8Array(0)],
      ['c', null, 5, null, null],
    ];
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), async (given, turn) => {
        const at = given.length === 0 ? 0 : turn % given.length;
        const turned = [...given.slice(at), ...given.slice(0, at)];
        const hashes = new Set<string>();
        for (const [index, { recorder }] of Object.values(opened).entries()) {
          const { hash, rows: count } = await hashOf(recorder, index % 2 === 0 ? given : turned);
          expect(hash).toMatch(HASH);
          expect(count).toBe(given.length);
          hashes.add(hash);
        }
        expect([...hashes]).toHaveLength(1);
      }),
      {
        seed: SEED,
        numRuns: RUNS,
        examples: [
          [[...extremes], 1],
          [[], 0],
        ],
      },
    );
  });

  test('have another hash for each value that is another one', async () => {
    const { recorder } = opened['SQLite on sql.js'] as OpenedSqlRecorder;
    const base: Row = ['a', '1', 1.5, 'x', new Uint8Array([1])];
    const other: readonly Row[] = [
      ['b', '1', 1.5, 'x', new Uint8Array([1])],
      ['a', '9007199254740992', 1.5, 'x', new Uint8Array([1])],
      ['a', '9007199254740993', 1.5, 'x', new Uint8Array([1])],
      ['a', null, 1.5, 'x', new Uint8Array([1])],
      ['a', '1', 1.25, 'x', new Uint8Array([1])],
      ['a', '1', 1.5, '', new Uint8Array([1])],
      ['a', '1', 1.5, null, new Uint8Array([1])],
      ['a', '1', 1.5, 'x', new Uint8Array(0)],
      ['a', '1', 1.5, 'x', new TextEncoder().encode('01')],
    ];
    const hashes = new Set<string>();
    for (const one of [base, ...other]) hashes.add((await hashOf(recorder, [one])).hash);
    for (const more of [[], [base, ['c', '1', 1.5, 'x', new Uint8Array([1])] as const]])
      hashes.add((await hashOf(recorder, more)).hash);
    expect(hashes.size).toBe(other.length + 3);
  });

  test.each(Object.keys(SQL_RECORDERS))('are read in parts, also without rowids: %s', async (name) => {
    const { recorder } = opened[name] as OpenedSqlRecorder;
    const many = Array.from({ length: 2_345 }, (_, index): Row => [`id ${index}`, String(index), null, 'x', null]);
    const all = await hashOf(recorder, many);
    expect(all.rows).toBe(2_345);
    expect(await hashOf(recorder, [...many].reverse())).toEqual(all);
    expect((await hashOf(recorder, many.slice(0, -1))).hash).not.toBe(all.hash);
    if (recorder.dialect.name !== 'sqlite') return;
    const without = await recorder.transaction(async ({ connection }) => {
      await connection.query(
        'CREATE TABLE no_ids (id TEXT PRIMARY KEY, whole INTEGER, part REAL, words TEXT, octets BLOB)\nWITHOUT  ROWID',
      );
      await insert(connection, 'no_ids', many);
      return await tablesHash(connection, recorder.dialect, { things: 'NO_IDS' });
    });
    expect(without).toEqual(all);
  });
});

describe('views', () => {
  test('that have the same history have one hash on all engines, at a position of their own log', async () => {
    const hashes: unknown[] = [];
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    for (const { recorder } of Object.values(opened)) {
      const app = new Application({ recorder, aggregates: [articleOf(5)] });
      const [projection, before] = [articlesOf(5), await recorder.maxNotificationId()];
      await using runner = new ProjectionRunner({
        projection,
        store: new SqlProjectionStore(recorder, projection),
        log: app,
      });
      for (const [one, type] of [
        [id, 'Receive'],
        [other, 'Receive'],
        [id, 'Name'],
        [other, 'Close'],
      ] as const) {
        await app.execute(articleOf(5), one, commandOf(type));
      }
      await runner.catchUp();
      const { position, ...hash } = await projectionHash(recorder, projection);
      hashes.push({ ...hash, position: position - before });
    }
    const [first] = hashes as [Record<string, unknown>];
    const known = { projection: 'articles', version: 5, rows: 2, position: 4, positionOf: 'recorder', discarded: 0 };
    expect(first).toMatchObject(known);
    for (const hash of hashes) expect(hash).toEqual(first);
  });

  test('have the hash that browsers have, with numbers that some drivers would change', async () => {
    for (const { recorder } of Object.values(opened)) {
      const app = new Application({ recorder, aggregates: [parcel] });
      const projection = weightsOf(columnTypes(recorder.dialect).bytes);
      await using runner = new ProjectionRunner({
        projection,
        store: new SqlProjectionStore(recorder, projection),
        log: app,
      });
      for (const [index, id] of PARCELS.entries()) {
        for (const grams of [1.5, 1e21, 0.1 + index])
          await app.execute(parcel, id, { type: 'Weigh', data: { grams, label: `ü€𝄞 ${index}` } });
      }
      await runner.catchUp();
      expect(await projectionHash(recorder, projection)).toMatchObject({ rows: 2, hash: WEIGHTS_HASH });
    }
  });

  test('of other versions or definitions are not taken for each other', async () => {
    const { recorder, close } = await (SQL_RECORDERS['SQLite on sql.js'] as () => Promise<OpenedSqlRecorder>)();
    const view = (version: number, name = 'empty') =>
      sqlProjection({
        ...{ name, version, from: [stock], on: {} },
        tables: { things: (table) => `CREATE TABLE IF NOT EXISTS ${table} (id TEXT)` },
      });
    const [one, two] = [view(1), view(1, 'another')];
    for (const projection of [one, two]) await new SqlProjectionStore(recorder, projection).setUp();
    expect((await projectionHash(recorder, one)).hash).not.toBe((await projectionHash(recorder, two)).hash);
    await expect(projectionHash(recorder, view(2))).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(projectionHash(recorder, view(1, 'nobody'))).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    await close();
  });

  test('that hold dead letters are refused until somebody settles them; what is discarded is said', async () => {
    const { recorder, close } = await (SQL_RECORDERS['SQLite on sql.js'] as () => Promise<OpenedSqlRecorder>)();
    const app = new Application({ recorder, aggregates: [stock] });
    let fails = true;
    const projection = sqlProjection({
      name: 'failing',
      from: [stock],
      tables: { failing: (table) => `CREATE TABLE ${table} (id TEXT)` },
      on: {
        Received: async ({ originatorId }, { query, tables: names }) => {
          if (fails) throw new RangeError('of a handler');
          await query(`INSERT INTO ${names.failing} VALUES ($1)`, [originatorId]);
        },
      },
    });
    const store = new SqlProjectionStore(recorder, projection);
    await using runner = new ProjectionRunner({ projection, store, log: app, onFailure: { attemptsMax: 1 } });
    for (const id of [newOriginatorId(), newOriginatorId()]) {
      await app.execute(stock, id, { type: 'Receive', data: { quantity: 1 } });
    }
    await runner.catchUp();
    await expect(projectionHash(recorder, projection)).rejects.toMatchObject({
      ...{ code: 'VIEW_UNSETTLED', details: { projection: 'failing', deadLetters: 2 } },
    });
    fails = false;
    const [first, second] = await runner.deadLetters.list();
    await runner.deadLetters.discard(first!.notificationId, 'anna');
    await runner.deadLetters.retry(second!.notificationId, 'anna');
    expect(await projectionHash(recorder, projection)).toMatchObject({ rows: 1, discarded: 1 });
    await close();
  });
});

describe('views of synchronised stores', () => {
  const people: StockPerson[] = [];
  afterEach(async () => {
    for (const person of people.splice(0)) await person.offline();
    await closeScenes();
  });

  test('have one hash on all devices, by confirmed history in whatever way it came, and none while something is pending', async () => {
    const scene = await Scene.open();
    const runners: ProjectionRunner<never>[] = [];
    const projection = stockView('levels');
    for (const follows of ['confirmed', 'undo', 'rebuild'] as const) {
      const person = await StockPerson.of(scene);
      people.push(person);
      const store = new SqlProjectionStore(person.tab.inside, projection);
      runners.push(new ProjectionRunner({ projection, store, log: person.app, follows }) as never);
    }
    const hashes = async (): Promise<readonly unknown[]> => {
      for (const runner of runners) await runner.catchUp();
      return await Promise.all(people.map(({ tab }) => projectionHash(tab.inside, projection)));
    };
    const [anna, bert, carl] = people as [StockPerson, StockPerson, StockPerson];
    const [nails, screws] = [newOriginatorId(), newOriginatorId()];
    const atFirst = await hashes();
    expect(atFirst[0]).toMatchObject({ positionOf: 'recorder', position: 0, rows: 0 });
    await anna.do(nails, 'Receive', { quantity: 5 });
    await bert.do(screws, 'Receive', { quantity: 7 });
    await bert.do(nails, 'Receive', { quantity: 1 });
    await carl.do(nails, 'Name', { name: 'nails' });
    for (const person of [anna, bert, carl, anna, bert]) await person.synchronise();
    const [first, ...others] = await hashes();
    expect(first).toMatchObject({ positionOf: 'server', position: 4, discarded: 0 });
    for (const other of others) expect(other).toEqual(first);
    // In another order on each device, and decided again on two of them.
    for (const person of people) await person.offline();
    for (const person of people) await person.do(nails, 'Reserve', { quantity: 2 });
    for (const runner of runners) await runner.catchUp();
    expect(await projectionHash(anna.tab.inside, projection)).toEqual(first);
    for (const { tab } of [bert, carl]) {
      await expect(projectionHash(tab.inside, projection)).rejects.toMatchObject({
        ...{ code: 'VIEW_UNSETTLED', details: { projection: 'levels', pendingUnits: 1 } },
      });
    }
    for (const person of [carl, anna, bert, carl, anna]) await person.synchronise();
    await expect(projectionHash(bert.tab.inside, projection)).rejects.toMatchObject({ code: 'VIEW_UNSETTLED' });
    const [after, ...same] = await hashes();
    expect(after).toMatchObject({ positionOf: 'server', position: 7 });
    expect(after).not.toMatchObject({ hash: (first as { hash: string }).hash });
    for (const other of same) expect(other).toEqual(after);
    for (const runner of runners) await runner.close();
  });
});

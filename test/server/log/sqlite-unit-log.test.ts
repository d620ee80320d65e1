/** A log in SQLite: several who write one file, and what is refused. */
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SQLITE_DIALECT } from '../../../src/persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqliteUnitLog } from '../../../src/server/log/sqlite/sqlite-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { SHARED_ENGINES, SQLITE_ENGINES } from '../../support/sqlite-engines.js';
import type { SqliteEngine } from '../../support/sqlite-engines.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function engineOf(name: string): Promise<SqliteEngine> {
  const engine = await SQLITE_ENGINES[name]!();
  closing.push(() => engine.remove());
  return engine;
}

/** A server of its own on the same database. */
async function openServer(engine: SqliteEngine): Promise<{ log: SqliteUnitLog; recorder: SqliteProcessRecorder }> {
  const database = await engine.connect();
  closing.push(() => database.close());
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const log = new SqliteUnitLog({ recorder });
  await log.createTables();
  return { log, recorder };
}

describe.each(SHARED_ENGINES)('servers of one database, %s', (name) => {
  test('take pushes at once, and what a program inserts beside them: one log, without gaps, each unit once', async () => {
    const engine = await engineOf(name);
    const servers = [await openServer(engine), await openServer(engine), await openServer(engine)];
    const hot = newOriginatorId();
    await Promise.all(
      servers.map(async ({ log, recorder }, index) => {
        const sender = { subject: `ann ${index}`, replicaId: `${index}` };
        for (let count = 0; count < 20; count++) {
          const units = [
            sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]),
            sampleUnit([sampleEvent(hot, 1)], { isCommutative: true }),
          ];
          const { decisions } = await log.push(units, sender);
          expect(decisions.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
          // The answer was lost: it is sent again, to another server.
          const other = servers[(index + 1) % servers.length]!;
          const { decisions: again } = await other.log.push(units, sender);
          expect(again).toEqual(decisions.map((decision) => ({ ...decision, isNew: false })));
          await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
        }
      }),
    );
    const logs = await Promise.all(servers.map(({ log }) => readLog(log)));
    expect(logs[1]).toEqual(logs[0]);
    const { units } = logs[0]!;
    expect(asLost(units).map(({ position }) => position)).toEqual(
      [...units.keys()].map((at) => units.slice(0, at + 1).reduce((sum, { events }) => sum + events.length, 0)),
    );
    expect(new Set(units.map(({ id }) => id)).size).toBe(180);
    const versions = units.flatMap(({ events }) => events).filter(({ originatorId }) => originatorId === hot);
    expect(versions.map(({ originatorVersion }) => originatorVersion)).toEqual(
      [...Array(60).keys()].map((at) => at + 1),
    );
  });
});

describe('refused at once', () => {
  const memory = new MemoryProcessRecorder() as unknown as SqlRecorder;

  test.each([
    ['a recorder without SQL', () => new SqliteUnitLog({ recorder: memory })],
    [
      'the store of a browser',
      () => new SqliteUnitLog({ recorder: { dialect: SQLITE_DIALECT } as unknown as SqlRecorder }),
    ],
    [
      'a recorder on PostgreSQL',
      () => new SqliteUnitLog({ recorder: { dialect: { name: 'postgres' } } as SqlRecorder }),
    ],
  ])('%s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  });

  test('a name that is none, a key that is short, and those who take part without a decoder', async () => {
    const engine = await engineOf('node:sqlite, memory');
    const { recorder } = await openServer(engine);
    const refused = expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error;
    expect(() => new SqliteUnitLog({ recorder, name: 'a;b' })).toThrow(refused);
    expect(() => new SqliteUnitLog({ recorder, seals: { keys: [new Uint8Array(3)] } })).toThrow(refused);
    expect(() => new SqliteUnitLog({ recorder, inline: { participants: [] } as never })).toThrow(refused);
  });

  test('whatever is asked before the tables are there', async () => {
    const database = await (await engineOf('node:sqlite, memory')).connect();
    closing.push(() => database.close());
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    await expect(new SqliteUnitLog({ recorder }).head()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });
});

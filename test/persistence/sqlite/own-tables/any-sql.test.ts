import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecorderTransaction } from '../../../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../../../src/persistence/sql/sql-queryable.js';
import { newOriginatorId, sampleEvent } from '../../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';
import { dumpTables, withoutUnits } from '../../../support/table-dump.js';

type Transaction = RecorderTransaction<SqlQueryable>;
type Step = (transaction: Transaction) => Promise<unknown>;

/** Every kind of table that the changes of rows could be noted wrongly of. */
const TABLES: Readonly<Record<string, string>> = {
  plain:
    "(id INTEGER PRIMARY KEY, a UNIQUE, b TEXT DEFAULT 'x', c INTEGER DEFAULT (random()), d DEFAULT CURRENT_TIMESTAMP)",
  auto: '(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)',
  keyed: '(a TEXT COLLATE NOCASE, b REAL, c, PRIMARY KEY (a, b)) WITHOUT ROWID',
  untyped: '(a, b, c, PRIMARY KEY (a, b)) WITHOUT ROWID',
  parent: '(id INTEGER PRIMARY KEY, a TEXT UNIQUE)',
  child:
    '(id INTEGER PRIMARY KEY, b REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE, a REFERENCES parent (a) ON DELETE SET NULL ON UPDATE CASCADE)',
  self: '(id INTEGER PRIMARY KEY, a REFERENCES self (id) ON DELETE CASCADE ON UPDATE CASCADE)',
  generated: '(a INTEGER, b TEXT, s TEXT GENERATED ALWAYS AS (a || b) STORED, v AS (a * 2), UNIQUE (a, s))',
  strict: '(a INTEGER, b REAL, c TEXT, d BLOB, e ANY) STRICT',
  shadowed: '(rowid TEXT, a, OID)',
  'odd "name"; --': '("a" PRIMARY KEY, [sel ect], "x""y" NUMERIC)',
  replacing: '(a UNIQUE ON CONFLICT REPLACE, b UNIQUE ON CONFLICT IGNORE, c CHECK (c IS NOT 3))',
};
const NAMES = Object.keys(TABLES);
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const literal = fc.constantFrom(
  'NULL', '0', '1', '2', '3', '-1', "'a'", "'A'", "'b'", "'1'", "''", "'2.0'", '1.0', '-0.0', '2.5', '1e300', '9e999',
  '9223372036854775807', '-9223372036854775808', '9007199254740993', "x''", "x'00ff'", "CAST(x'610062ff' AS TEXT)",
  "char(233, 0, 8364)", 'random()', "datetime('now')", 'randomblob(3)', 'last_insert_rowid()', 'abs(random() % 4)',
); // prettier-ignore
const bound = fc.constantFrom<readonly unknown[]>(
  [null], [1], [2], [-5], [2 ** 40], [2.5], ['a'], ['B'], ['\u0000x'], [''], [new Uint8Array([1, 0])], [new Uint8Array(0)],
  [true], [2n ** 62n],
); // prettier-ignore
const table = fc.constantFrom(...NAMES);
const column = fc.constantFrom('id', 'a', 'b', 'c', 'rowid', 'd');
const conflict = fc.constantFrom('', '', 'OR REPLACE', 'OR IGNORE', 'OR FAIL', 'OR ABORT');
const run = (sql: string, values: readonly unknown[] = []): Step =>
  Object.assign(
    async (transaction: Transaction) => {
      await transaction.connection.query(sql, [...values]);
      const kind = /^(?:ALTER TABLE \S+ \w+|\w+)/.exec(sql.replace(/"[^;]*"(?= (?:ADD|DROP|RENAME))/, 't'))?.[0] ?? '';
      succeeded.set(kind, (succeeded.get(kind) ?? 0) + 1);
    },
    // Shown as its SQL when the property fails.
    { [fc.toStringMethod]: () => `run(${JSON.stringify(sql)}, ${fc.stringify(values)})` },
  );
/** Statements that SQLite took, by their first words. */
const succeeded = new Map<string, number>();
const KINDS = ['ALTER TABLE t ADD', 'ALTER TABLE t DROP', 'ALTER TABLE t RENAME', 'CREATE', 'DELETE', 'DROP', 'INSERT', 'REPLACE', 'UPDATE', 'WITH']; // prettier-ignore

const insert = fc
  .record({
    table,
    into: fc.uniqueArray(column, { minLength: 1, maxLength: 3 }),
    conflict,
    rows: fc.array(fc.array(literal, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  })
  .map(({ table: name, into, conflict: or, rows }) =>
    run(
      `INSERT ${or} INTO ${quote(name)} (${into.join(', ')}) VALUES ${rows.map((row) => `(${row.slice(0, into.length).join(', ')})`).join(', ')}`,
    ),
  );
const insertBound = fc
  .record({ table, column, conflict, bound })
  .map(({ table: name, column: into, conflict: or, bound: values }) =>
    run(`INSERT ${or} INTO ${quote(name)} (${into}) VALUES ($1)`, values),
  );
const insertDefaults = table.map((name) => run(`INSERT INTO ${quote(name)} DEFAULT VALUES RETURNING *`));
const update = fc
  .record({
    table,
    column,
    conflict,
    value: fc.oneof(literal, column, fc.constantFrom('id + 1', 'id - 1', 'a + 1', '-id', 'rowid + 10')),
    where: fc.option(fc.tuple(column, literal), { nil: undefined }),
  })
  .map(({ table: name, column: set, conflict: or, value, where }) =>
    run(
      `UPDATE ${or} ${quote(name)} SET ${set} = ${value}${where === undefined ? '' : ` WHERE ${where[0]} > ${where[1]}`}`,
    ),
  );
const remove = fc
  .record({ table, where: fc.option(fc.tuple(column, literal), { nil: undefined }) })
  .map(({ table: name, where }) =>
    run(`DELETE FROM ${quote(name)}${where === undefined ? '' : ` WHERE ${where[0]} <= ${where[1]}`}`),
  );
const other = fc
  .constantFrom(
    'INSERT INTO plain (id, a) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET a = excluded.a, id = id + 100',
    'INSERT INTO keyed (a, b, c) SELECT a, id, b FROM plain WHERE true ON CONFLICT DO UPDATE SET c = random()',
    'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT OR IGNORE INTO auto (a) SELECT i FROM n',
    'UPDATE keyed SET a = upper(a)',
    "UPDATE keyed SET a = CASE a WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE a END, b = b + 0.5",
    'UPDATE self SET id = id + 1000 WHERE id = a',
    'UPDATE parent SET id = id * 2, a = a || id FROM (SELECT 1)',
    'INSERT INTO self (id, a) VALUES (1, 1), (2, 1), (3, 2), (4, 4)',
    'INSERT INTO self VALUES (5, 5)',
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, '1')",
    "INSERT INTO child (b, a) VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, '1')",
    "REPLACE INTO parent VALUES (1, 'b')",
    'DELETE FROM parent WHERE id IN (SELECT b FROM child)',
    'INSERT INTO plain (a) VALUES (100), (101), (NULL), (100)',
    'UPDATE plain SET a = -a WHERE a IN (100, 101)',
    'INSERT INTO auto (id) VALUES (500)',
    'DELETE FROM auto WHERE id > 10',
    'INSERT INTO missing VALUES (1)',
    'SELECT count(*) FROM stored_events, plain',
  )
  .map((sql) => run(sql));
const schema = fc.oneof(
  fc
    .tuple(table, fc.boolean())
    .map(([name, ifNotExists]) =>
      run(`CREATE TABLE ${ifNotExists ? 'IF NOT EXISTS ' : ''}${quote(name)} ${TABLES[name] as string}`),
    ),
  table.map((name) => run(`DROP TABLE IF EXISTS ${quote(name)}`)),
  fc
    .tuple(table, fc.constantFrom('a', 'b', 'c', 'd'))
    .map(([name, at]) =>
      run(`CREATE INDEX IF NOT EXISTS "i_${name.length}_${at}" ON ${quote(name)} (${at}, lower(a))`),
    ),
  fc
    .tuple(table, column)
    .map(([name, at]) => run(`CREATE UNIQUE INDEX u_${at} ON ${quote(name)} (${at}) WHERE ${at} IS NOT NULL`)),
  column.map((at) => run(`DROP INDEX IF EXISTS u_${at}`)),
  fc
    .tuple(
      table,
      fc.constantFrom(
        "n1 DEFAULT 'new'",
        'n2 REAL DEFAULT 5',
        'n3 AS (a || 1)',
        'n4 REFERENCES parent (id)',
        'n5 TEXT NOT NULL DEFAULT x',
      ),
    )
    .map(([name, added]) => run(`ALTER TABLE ${quote(name)} ADD COLUMN ${added}`)),
  fc.tuple(table, column).map(([name, at]) => run(`ALTER TABLE ${quote(name)} DROP COLUMN ${at}`)),
  fc
    .tuple(table, column, column)
    .map(([name, from, to]) => run(`ALTER TABLE ${quote(name)} RENAME COLUMN ${from} TO ${to}`)),
  fc.tuple(table, table).map(([from, to]) => run(`ALTER TABLE ${quote(from)} RENAME TO ${quote(to)}`)),
  table.map((name) =>
    run(`CREATE VIEW IF NOT EXISTS seen AS SELECT count(*) AS n, datetime('now') AS at FROM ${quote(name)}`),
  ),
  fc.constant(run('DROP VIEW IF EXISTS seen')),
);
const events: fc.Arbitrary<Step> = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }))
  .map(
    ([version, tracked]) =>
      (transaction) =>
        transaction.insertEvents(
          [sampleEvent(AGGREGATE, version)],
          tracked === undefined ? {} : { tracking: { applicationName: `up${tracked % 3}`, notificationId: tracked } },
        ),
  );
const AGGREGATE = newOriginatorId();

const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { arbitrary: insert, weight: 8 },
    { arbitrary: insertBound, weight: 3 },
    { arbitrary: insertDefaults, weight: 1 },
    { arbitrary: update, weight: 6 },
    { arbitrary: remove, weight: 2 },
    { arbitrary: other, weight: 8 },
    { arbitrary: schema, weight: 4 },
    { arbitrary: events, weight: 1 },
    {
      arbitrary: fc
        .tuple(fc.array(tie('step'), { maxLength: 5 }), fc.boolean())
        .map(([steps, keeps]): Step => async (transaction) => {
          await transaction.transaction(async (inner) => {
            for (const each of steps) await quietly(each, inner);
            if (!keeps) throw new RangeError('taken back');
          });
        }),
      weight: 2,
    },
  ),
}));
const work = fc.record({
  tab: fc.nat({ max: 1 }),
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
  commits: fc.nat({ max: 5 }).map((n) => n > 0),
  checkpoints: fc.nat({ max: 9 }).map((n) => n === 0),
});

/** What a tab holds when all that is durable has reached its tables. */
async function settledDump({ recorder, database }: OwnTablesTab): Promise<string> {
  await recorder.query('SELECT 1');
  return dumpTables(database);
}

/** Statements may fail, and the work goes on; only what is Daybook's own fault may not. */
async function quietly(each: Step, transaction: Transaction): Promise<void> {
  try {
    await each(transaction);
  } catch (error) {
    expect((error as { code?: string }).code ?? 'RangeError').not.toMatch(/INTERNAL_ERROR|INTERFACE_ERROR/);
  }
}

// What chance leaves out of a few runs.
const EVERY_KIND = {
  tab: 0,
  steps: [
    run('ALTER TABLE "plain" ADD COLUMN n1'),
    run('ALTER TABLE "plain" DROP COLUMN n1'),
    run('ALTER TABLE "plain" RENAME TO "renamed"'),
    run('CREATE INDEX i ON renamed (b)'),
    run('DROP INDEX i'),
    run('INSERT INTO renamed (a) VALUES (1)'),
    run('REPLACE INTO renamed (a) VALUES (1)'),
    run('UPDATE renamed SET b = a'),
    run('WITH n (i) AS (SELECT 2) INSERT INTO renamed (a) SELECT i FROM n'),
    run('DELETE FROM renamed WHERE a = 1'),
  ],
  commits: true,
  checkpoints: false,
};

// Each opens four databases. Hundreds more were run by hand when the code was written.
const RUNS = 40;

describe('any SQL that is accepted', () => {
  test(
    'leaves what the caller saw, in every tab, replayed from the start and from a checkpoint',
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(work, { minLength: 1, maxLength: 10 }), async (works) => {
          const journal = new SharedJournal();
          const tabs = [await openTab(journal), await openTab(journal)];
          await (tabs[0] as OwnTablesTab).recorder.transaction(async ({ connection }) => {
            for (const [name, columns] of Object.entries(TABLES))
              await connection.query(`CREATE TABLE ${quote(name)} ${columns}`);
          });
          for (const { tab, steps, commits, checkpoints } of works) {
            const { recorder, database } = tabs[tab] as OwnTablesTab;
            const others = tabs.filter((_other, index) => index !== tab);
            let seen = withoutUnits(await settledDump(tabs[tab] as OwnTablesTab));
            const done = recorder.transaction(async (transaction) => {
              if (!commits) seen = withoutUnits(dumpTables(database));
              for (const each of steps) await quietly(each, transaction);
              if (commits) seen = withoutUnits(dumpTables(database));
              else throw new RangeError('taken back');
            });
            // SQLite takes all of it back by itself where there is no rowid left; then that is what was seen.
            if (commits)
              await done.catch((error: unknown) => expect(error).toMatchObject({ details: { reason: 'ended' } }));
            else await expect(done).rejects.toThrow('taken back');
            const after = await settledDump(tabs[tab] as OwnTablesTab);
            expect(withoutUnits(after)).toBe(seen);
            for (const other of others) {
              other.recorder.noteHead(recorder.position);
              expect(await settledDump(other)).toBe(after);
            }
            if (checkpoints) await recorder.checkpoint();
          }
          const truth = await settledDump(tabs[0] as OwnTablesTab);
          expect(await settledDump(await openTab(journal.uncompacted()))).toBe(truth);
          await (tabs[1] as OwnTablesTab).recorder.checkpoint();
          const fromImage = await openTab(journal);
          expect(await settledDump(fromImage)).toBe(truth);
          expect((await fromImage.recorder.query('SELECT * FROM pragma_integrity_check')).rows).toEqual([
            { integrity_check: 'ok' },
          ]);
          for (const { recorder, database } of [...tabs, fromImage]) {
            await recorder.close();
            database.close();
          }
        }),
        { numRuns: RUNS, examples: [[[EVERY_KIND]]] },
      );
      // A kind of statement that never succeeds would be tested by nobody.
      expect([...succeeded.keys()]).toEqual(expect.arrayContaining(KINDS));
    },
  );
});

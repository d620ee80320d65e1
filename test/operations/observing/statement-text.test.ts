/** What of statements is shown: none of their values, however they are written. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { operationOf, shownStatement } from '../../../src/operations/observing/statement-text.js';

test.each([
  ['SELECT  a,\n b FROM t WHERE c = $1', 'SELECT a, b FROM t WHERE c = $1'],
  ["SELECT 'secret'", 'SELECT ?'],
  [
    "SELECT 'it''s secret' || E'a\\'secret' || x'ff' || $$secret$$ || $tag$ $$ secret $tag$",
    'SELECT ? || ? || ? || ? || ?',
  ],
  ["SELECT 1 -- it's\n, 'secret'", 'SELECT ? , ?'],
  ["SELECT /* it's */ 'secret'", 'SELECT ?'],
  ['SELECT "it\'s" FROM "t1" LIMIT 100', 'SELECT "it\'s" FROM "t1" LIMIT ?'],
  ['SELECT t1.c2, 1.5e3, -7, .5 FROM t1', 'SELECT t1.c2, ?, -?, ? FROM t1'],
  ['SELECT ?1, :a, @b, ?', 'SELECT ?1, :a, @b, ?'],
  ["INSERT INTO t VALUES ('secret that does not end", 'INSERT INTO t VALUES (?'],
  ["SELECT E'secret\\", 'SELECT ?'],
  ['SELECT $$secret', 'SELECT ?'],
  ['', ''],
])('%j is shown as %j', (text, shown) => {
  expect(shownStatement(text)).toBe(shown);
});

test('nothing of a value is shown, wherever it stands and wherever the text is cut off', () => {
  const SECRET = 'QZX';
  const literal = fc.oneof(
    fc.string().map((text) => `'${text.replaceAll("'", "''")}${SECRET}'`),
    fc.string().map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}${SECRET}'`),
    fc.string().map((text) => `$q$${text.replaceAll('$', '')}${SECRET}$q$`),
  );
  const noise = fc.constantFrom("-- it's\n", "/* don't */", '"it\'s"', 'a', '$1', '(', ',', '"');
  // A name whose quote does not end takes what follows for a name, as the database does, and refuses it: not among these.
  const piece = fc.oneof(
    literal,
    noise.filter((text) => text !== '"'),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.nat(200), (pieces, end) => {
      const text = `SELECT ${pieces.join(' ')}`;
      expect(shownStatement(text)).not.toContain(SECRET);
      expect(shownStatement(text.slice(0, end))).not.toContain(SECRET);
    }),
    { numRuns: 500 },
  );
});

test('a long statement is shown in part', () => {
  const shown = shownStatement(`SELECT ${'column, '.repeat(5_000)} 'secret'`);
  expect(shown.length).toBe(2_001);
  expect(shown.endsWith('…')).toBe(true);
  expect(shownStatement(`SELECT '${'secret'.repeat(1_000_000)}'`)).toBe('SELECT ?');
});

test.each([
  ['SELECT 1', 'SELECT'],
  ['  (select 1)', 'SELECT'],
  ['BEGIN; SET LOCAL a = b; LOCK TABLE t IN EXCLUSIVE MODE; INSERT INTO t VALUES (?)', 'INSERT'],
  ['LOCK TABLE t; WITH a AS (SELECT 1 FOR UPDATE), b AS (INSERT INTO t SELECT * FROM a) SELECT * FROM b', 'INSERT'],
  ['WITH a AS (SELECT 1 FOR UPDATE) SELECT * FROM a', 'SELECT'],
  ['BEGIN', 'BEGIN'],
  ['COMMIT', 'COMMIT'],
  ['EXECUTE plan_1 (?)', 'EXECUTE'],
  ['anything of users', 'OTHER'],
  ['', 'OTHER'],
])('%j does %s', (shown, operation) => {
  expect(operationOf(shown)).toBe(operation);
});

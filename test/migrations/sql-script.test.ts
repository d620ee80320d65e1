/** What is read of a script: statements, and what cannot be in one. */
import { describe, expect, test } from 'vitest';
import { dataLossOf } from '../../src/migrations/lost-data.js';
import { readScript } from '../../src/migrations/sql-script.js';

const textsOf = (sql: string): readonly string[] => readScript('It', sql).statements.map(({ text }) => text);

describe('a script is cut', () => {
  test.each([
    ['one without an end', 'SELECT 1', ['SELECT 1']],
    ['two, and empty ones', ';SELECT 1;; \n SELECT 2;', ['SELECT 1', 'SELECT 2']],
    ['a text', "SELECT 'a;''b;' ; SELECT 2", ["SELECT 'a;''b;'", 'SELECT 2']],
    ['a name', 'SELECT "a;""b" ; SELECT `;`', ['SELECT "a;""b"', 'SELECT `;`']],
    ['a text with escapes', "SELECT E'it\\'s;' ; SELECT 2", ["SELECT E'it\\'s;'", 'SELECT 2']],
    ['a name that ends with an e before a text', "SELECT some_e'\\'; SELECT 2", ["SELECT some_e'\\'", 'SELECT 2']],
    ['comments', '-- a;\nSELECT /* ; /* nested; */ ; */ 1 -- b;\n; /* c */', ['SELECT /* ; /* nested; */ ; */ 1']],
    [
      'what is quoted by dollars',
      "DO $$ BEGIN; ' END $$; SELECT $a$ $$; $a$",
      ["DO $$ BEGIN; ' END $$", 'SELECT $a$ $$; $a$'],
    ],
    [
      'a function with a tag',
      'CREATE FUNCTION f() AS $f$ SELECT 1; $f$;SELECT 2',
      ['CREATE FUNCTION f() AS $f$ SELECT 1; $f$', 'SELECT 2'],
    ],
    [
      'a trigger with a body',
      'CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END; SELECT 2',
      [
        'CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END',
        'SELECT 2',
      ],
    ],
    [
      'a body in SQL',
      'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3',
      ['CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END', 'SELECT 3'],
    ],
    [
      'a column that is called begin',
      'CREATE TABLE t (begin INT); SELECT 2',
      ['CREATE TABLE t (begin INT)', 'SELECT 2'],
    ],
    ['a parameter that is none', "SELECT '$1', 1 ? 2", ["SELECT '$1', 1 ? 2"]],
  ])('with %s', (_, sql, texts) => {
    expect(textsOf(sql)).toEqual(texts);
  });

  test.each([
    ['SELECT 1', true],
    ['-- daybook: no-transaction\nVACUUM', false],
    ['/* Why. */\n\n--daybook:no-transaction \r\nVACUUM', false],
    ['VACUUM;\n-- daybook: no-transaction\nVACUUM', true],
    ["SELECT '\n-- daybook: no-transaction\n'", true],
  ])('%j is in a transaction: %s', (sql, isTransactional) => {
    expect(readScript('It', sql).isTransactional).toBe(isTransactional);
  });
});

describe('refused is', () => {
  test.each([
    ['nothing', '', 'has no statement'],
    ['a comment alone', '-- Nothing.\n/* Nothing. */;', 'has no statement'],
    ['a text without an end', "SELECT 'a; SELECT 2", 'does not end'],
    ['a text with an escape at its end', "SELECT E'a\\'; SELECT 2", 'does not end'],
    ['a name without an end', 'SELECT "a', 'does not end'],
    ['a comment without an end', 'SELECT 1 /* /* */', 'does not end'],
    ['dollars without an end', 'DO $a$ $$', 'does not end'],
    ['a body without an end', 'CREATE TRIGGER t BEGIN SELECT CASE 1; END;', 'has no END'],
    ['a marker that is not known', '-- daybook: no-transactions\nSELECT 1', 'there is no marker'],
    ['a beginning', 'BEGIN; SELECT 1', 'transactions are'],
    ['a commit', 'SELECT 1; COMMIT', 'transactions are'],
    ['an end', 'end', 'transactions are'],
    ['a savepoint', 'SAVEPOINT a', 'transactions are'],
    ['a setting of the session', "SET search_path = ''", 'SET LOCAL'],
    ['a role of the session', 'SET ROLE a', 'SET LOCAL'],
    ['what is of a session', 'LISTEN a', 'of a session'],
    ['another database', "ATTACH 'a' AS b", 'of a session'],
    ['a command of psql', '\\i more.sql', 'psql'],
    ['data that nobody has', 'COPY a FROM STDIN', 'use INSERT'],
  ])('%s', (_, sql, why) => {
    expect(() => readScript('It', sql)).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR', message: expect.stringContaining(why) }),
    );
  });

  test.each([undefined, null, 1, {}])('what is no text: %j', (value) => {
    expect(() => readScript('It', value as never)).toThrow(/must be SQL/);
  });

  test('nothing that belongs there', () => {
    expect(textsOf("SET LOCAL statement_timeout = 0; SET CONSTRAINTS ALL DEFERRED; COPY a FROM 'file'")).toHaveLength(
      3,
    );
  });
});

test.each([
  ['DROP INDEX a', 'never'],
  ['DROP VIEW a', 'never'],
  ['DROP VIEW a CASCADE', 'perhaps'],
  ['DROP TYPE a', 'perhaps'],
  ['DROP SCHEMA a', 'perhaps'],
  ['ALTER TABLE a ADD COLUMN b INT', 'never'],
  ['ALTER TABLE a RENAME COLUMN b TO c', 'never'],
  ['ALTER TABLE a DROP CONSTRAINT b', 'never'],
  ['ALTER TABLE a ALTER b DROP NOT NULL', 'never'],
  ['ALTER TABLE a DROP COLUMN b', 'perhaps'],
  ['ALTER TABLE a DROP b', 'perhaps'],
  ['ALTER TABLE a DROP CONSTRAINT b, DROP COLUMN c', 'perhaps'],
  ['ALTER TABLE a ALTER b TYPE SMALLINT', 'perhaps'],
  ['ALTER INDEX a RENAME TO b', 'never'],
  ['CREATE TABLE a (b INT)', 'never'],
  ['INSERT INTO a VALUES (1)', 'never'],
  ['INSERT OR REPLACE INTO a VALUES (1)', 'perhaps'],
  ['INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET b = 1', 'perhaps'],
  ['DELETE FROM a', 'perhaps'],
  ['UPDATE a SET b = 1', 'perhaps'],
  ['TRUNCATE a', 'perhaps'],
  ['WITH b AS (DELETE FROM a RETURNING 1) SELECT 1', 'perhaps'],
  ['DO $$ BEGIN END $$', 'perhaps'],
])('%s loses data: %s', (sql, loss) => {
  expect(readScript('It', sql).statements.map(dataLossOf)).toEqual([{ loss }]);
});

test.each([
  ['DROP TABLE a', ['a']],
  ['drop table if exists "a,b", s.c cascade', ['"a,b"', 's.c']],
])('%s loses the rows of tables', (sql, tables) => {
  expect(readScript('It', sql).statements.map(dataLossOf)).toEqual([{ loss: 'with-rows', tables }]);
});

/**
 * What says which events have left a table for archives, in PostgreSQL.
 *
 * @module
 */
import { archiveTablesSql } from '../sql/sql-archive.js';
import type { SqlArchive } from '../sql/sql-dialect.js';
import { quoteIdentifier, withEnding } from './postgres-identifiers.js';
import { textLiteral } from './postgres-literals.js';

/** Which table it is. */
export interface ArchivedTable {
  /** As it is. */
  readonly eventsTable: string;
  readonly schema: string | undefined;
  /** As SQL. */
  readonly events: string;
  readonly columns: Readonly<Record<'originatorId' | 'originatorVersion', string>>;
}

/** Names the tables beside a table of events. */
export function postgresArchive({ eventsTable, schema, events, columns }: ArchivedTable): SqlArchive {
  const beside = (ending: string): string => {
    const name = quoteIdentifier(withEnding(eventsTable, ending));
    return schema === undefined ? name : `${quoteIdentifier(schema)}.${name}`;
  };
  const tables = { archives: beside('_archives'), archived: beside('_archived') };
  const guard = beside('_archived_guard');
  const trigger = quoteIdentifier(withEnding(eventsTable, '_archived_guard'));
  const { originatorId, originatorVersion } = columns;
  return {
    ...tables,
    isThereSql: `SELECT 1 AS is_there WHERE to_regclass(${textLiteral(tables.archived)}) IS NOT NULL`,
    createSql: [
      ...archiveTablesSql(tables, 'BIGINT'),
      // As the key of the table refuses what is in it.
      `CREATE OR REPLACE FUNCTION ${guard}() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN
  IF EXISTS (SELECT FROM ${tables.archived} AS a WHERE a.originator_id = NEW.${originatorId}::text AND a.version >= NEW.${originatorVersion}) THEN
    RAISE EXCEPTION 'the place of an archived event is taken' USING ERRCODE = 'unique_violation',
      DETAIL = format('Key (originator_id, originator_version)=(%s, %s) already exists.', NEW.${originatorId}, NEW.${originatorVersion});
  END IF;
  RETURN NEW;
END $guard$`,
      `DROP TRIGGER IF EXISTS ${trigger} ON ${events}`,
      `CREATE TRIGGER ${trigger} BEFORE INSERT ON ${events} FOR EACH ROW EXECUTE FUNCTION ${guard}()`,
    ],
    keyOf: (id) => id,
  };
}

/**
 * What is in the states of events, as JSONB: a view beside the table of the events, and indexes of what is in it. For
 * applications whose states are JSON: neither compressed nor encrypted.
 *
 * ```text
 * <view>        notification_id · originator_id · originator_version · topic · payload jsonb
 * daybook_json  makes of a state its payload, and NULL of what is none: it is part of the indexes, and an error in it would
 *               refuse commits
 * ```
 *
 * @module
 */
import { NotSupportedError, ProgrammingError } from '../errors.js';
import { createMissing } from '../sql/create-missing.js';
import { checkedPaths, endingOf, fieldSql } from '../sql/payload-fields.js';
import type { PayloadField } from '../sql/payload-fields.js';
import { sqlTableName } from '../sql/sql-names.js';
import type { Creation } from '../sql/sql-names.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';

const VIEW_DEFAULT = 'event_payloads';
const FUNCTION = 'daybook_json';

/** Options of {@link createPayloadView}. */
export interface PayloadViewOptions {
  /** @defaultValue `event_payloads` */
  readonly view?: string;
  /** Of the view; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /**
   * Fields that are looked for, 16 at most: a name, or the names on the way to it. Each has an index, which serves
   * `payload->>'customerId' = …`, and `payload->'address'->>'city' = …` of `['address', 'city']`.
   *
   * @defaultValue none
   */
  readonly fields?: readonly PayloadField[];
  /** Whether an index serves `payload @> '{"tags": ["new"]}'`, of whatever fields. @defaultValue false */
  readonly containment?: boolean;
}

/**
 * Creates the view and its indexes, where they are missing. Safe to call again.
 *
 * An index of a table with events is made in one go, and all who record wait for it: do it at a quiet hour. Each makes
 * commits slower, because states are parsed for it. Whoever may read the view reads all payloads, and needs no right on the
 * table of the events.
 *
 * @example
 * ```ts
 * const view = await createPayloadView(recorder, { fields: ['customerId'] });
 * const { rows } = await recorder.query(`SELECT * FROM ${view} WHERE payload->>'customerId' = $1`, ['cust-123']);
 * ```
 *
 * @returns the view's name, as SQL
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, or the view is that of another log
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the recorder is not PostgreSQL's, or its tables are shared by tenants,
 *   whose rows a view would show to all
 */
export async function createPayloadView(recorder: SqlRecorder, options: PayloadViewOptions = {}): Promise<string> {
  const { view = VIEW_DEFAULT, schema, fields = [], containment = false } = options;
  const { log } = recorder.dialect;
  if (log === undefined)
    throw new NotSupportedError('A view of payloads is for PostgreSQL: this recorder is another one.');
  if (log.tenants !== undefined) {
    throw new NotSupportedError(
      'The tables are shared by tenants: a view of payloads would show the rows of all to each.',
    );
  }
  if (typeof (containment as unknown) !== 'boolean') throw new ProgrammingError('containment must be true or false.');
  const paths = checkedPaths(fields);
  const names = sqlTableName(view, schema, recorder.dialect);
  const { eventsTable, columns } = log;
  const json = `${schema === undefined ? '' : `"${schema.replaceAll('"', '""')}".`}${FUNCTION}`;
  const index = (path: readonly string[], on: string): Creation => {
    const name = `${view}_${endingOf(path)}`;
    return { name, sql: `CREATE INDEX IF NOT EXISTS "${name}" ON ${eventsTable} ${on}` };
  };
  await createMissing(recorder, {
    schema,
    isOfLog: true,
    lock: `daybook payloads ${names.table}`,
    creations: [
      {
        name: view,
        sql: `${functionSql(json)};
CREATE OR REPLACE VIEW ${names.table} AS SELECT ${columns.notificationId} AS notification_id,
  ${columns.originatorId} AS originator_id, ${columns.originatorVersion} AS originator_version, ${columns.topic} AS topic,
  ${json}(${columns.state}) AS payload FROM ${eventsTable}`,
      },
      // By hash: a text of any length fits in, where a tree would refuse the commit of one that is longer than 2,700 bytes.
      ...paths.map((path) => index(path, `USING hash ((${fieldSql(`${json}(${columns.state})`, path)}))`)),
      ...(containment ? [index([], `USING gin ((${json}(${columns.state})) jsonb_path_ops)`)] : []),
    ],
  });
  return names.table;
}

/** Immutable, as an index needs it; not for parallel plans, in which PostgreSQL catches no errors. */
function functionSql(name: string): string {
  return `CREATE OR REPLACE FUNCTION ${name}(state bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $json$
BEGIN RETURN pg_catalog.convert_from(state, 'UTF8')::pg_catalog.jsonb; EXCEPTION WHEN data_exception OR feature_not_supported
  OR program_limit_exceeded THEN RETURN NULL; END $json$`;
}

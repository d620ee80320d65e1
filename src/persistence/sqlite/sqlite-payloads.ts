/**
 * What is in the states of events, as JSON: a view beside the table of the events, and indexes of what is in it. For
 * applications whose states are JSON: neither compressed nor encrypted.
 *
 * ```text
 * <view>   notification_id · originator_id (text) · originator_version · topic · payload: JSON as text, NULL of what is none
 * ```
 *
 * @module
 */
import { NotSupportedError, ProgrammingError } from '../errors.js';
import { createMissing } from '../sql/create-missing.js';
import { checkedPaths, endingOf, fieldSql } from '../sql/payload-fields.js';
import type { PayloadField } from '../sql/payload-fields.js';
import { eventsSql } from '../sql/sql-events.js';
import { sqlTableName } from '../sql/sql-names.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';

const VIEW_DEFAULT = 'event_payloads';
// SQLite takes a name in quotes, and would take what begins like a path for one.
const NO_NAME = /^[$[]|"/;

/** Options of {@link createPayloadView}. */
export interface PayloadViewOptions {
  /** @defaultValue `event_payloads` */
  readonly view?: string;
  /**
   * Fields that are looked for, 16 at most: a name, or the names on the way to it. Each has an index, which serves
   * `payload->>'customerId' = …`, ranges and order, and `payload->'address'->>'city' = …` of `['address', 'city']`. Numbers are
   * numbers, and are not equal to texts, other than on PostgreSQL.
   *
   * @defaultValue none
   */
  readonly fields?: readonly PayloadField[];
}

/**
 * Creates the view and its indexes in SQLite, where they are missing. Safe to call again. `daybook/postgres` has the same for
 * PostgreSQL, and the same SQL finds texts in both.
 *
 * An index of a table with events is made in one go, and all who record wait for it. Each makes commits slower, because states
 * are parsed for it.
 *
 * @example
 * ```ts
 * const view = await createPayloadView(recorder, { fields: ['customerId'] });
 * const { rows } = await recorder.query(`SELECT * FROM ${view} WHERE payload->>'customerId' = $1`, ['cust-123']);
 * ```
 *
 * @returns the view's name, as SQL
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the recorder is not SQLite's, or a browser's store, which makes its table anew
 */
export async function createPayloadView(recorder: SqlRecorder, options: PayloadViewOptions = {}): Promise<string> {
  const { view = VIEW_DEFAULT, fields = [] } = options;
  const { dialect } = recorder;
  if (dialect.name !== 'sqlite' || dialect.eventsTable === undefined || recorder.supports?.units === true) {
    throw new NotSupportedError(
      'This view of payloads is for a SqliteProcessRecorder: daybook/postgres has one for PostgreSQL, and in a browser documents that are kept from events are found by their fields (daybook/states).',
    );
  }
  const paths = checkedPaths(fields);
  const wrong = paths.flat().find((name) => NO_NAME.test(name));
  if (wrong !== undefined) {
    throw new ProgrammingError(
      `SQLite finds no field that is called ${wrong}: names begin with neither $ nor [, and have no quotes.`,
      {
        details: { option: 'fields' },
      },
    );
  }
  const { table, columns } = eventsSql(dialect);
  const names = sqlTableName(view, undefined, dialect);
  const payload = payloadSql(columns.state);
  await createMissing(recorder, {
    schema: undefined,
    lock: `daybook payloads ${names.table}`,
    creations: [
      {
        name: names.name,
        sql: `CREATE VIEW IF NOT EXISTS ${names.table} AS SELECT ${columns.notificationId} AS notification_id,
  ${uuidSql(columns.originatorId)} AS originator_id, ${columns.originatorVersion} AS originator_version,
  ${columns.topic} AS topic, ${payload} AS payload FROM ${table}`,
      },
      ...paths.map((path) => {
        const name = `${names.name}_${endingOf(path)}`;
        return { name, sql: `CREATE INDEX IF NOT EXISTS "${name}" ON ${table} ((${fieldSql(payload, path)}))` };
      }),
    ],
  });
  return names.table;
}

/**
 * Of the view and of the indexes alike: only the same expression is found by an index, and what is asked of a view's column has
 * the collation in it. An error in it would refuse commits.
 */
function payloadSql(state: string): string {
  const text = `CAST(${state} AS TEXT)`;
  return `(CASE WHEN json_valid(${text}) THEN ${text} END COLLATE BINARY)`;
}

function uuidSql(column: string): string {
  const hex = `lower(hex(${column}))`;
  const parts = [
    [1, 8],
    [9, 4],
    [13, 4],
    [17, 4],
    [21, 12],
  ];
  return parts.map(([from, length]) => `substr(${hex}, ${from}, ${length})`).join(` || '-' || `);
}

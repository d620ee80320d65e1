/**
 * One event and one table, as LiveStore wants them: its page and its leader worker each carry a copy.
 *
 * @module
 */
import { Events, Schema, State, makeSchema } from '@livestore/livestore';
import { uuidToBytes } from '../../../src/util/uuid-bytes.js';
import { insertEventsSql } from '../contender-schema.js';

const TABLE = 'stored_events';
const { blob, integer, text } = State.SQLite;

const storedEvents = State.SQLite.table({
  name: TABLE,
  columns: {
    notification_id: integer({ primaryKey: true }),
    originator_id: blob(),
    originator_version: integer(),
    topic: text(),
    state: blob(),
  },
  indexes: [{ name: 'positions', columns: ['originator_id', 'originator_version'], isUnique: true }],
});

// It stores the arguments of its events as JSON, in which bytes would have to be base64: they are given as text.
export const recorded = Events.synced({
  name: 'v1.Recorded',
  schema: Schema.Struct({
    originatorId: Schema.String,
    originatorVersion: Schema.Int,
    topic: Schema.String,
    state: Schema.String,
  }),
});

const encoder = new TextEncoder();
const INSERT_SQL = insertEventsSql(1);
const WRITE_TABLES: ReadonlySet<string> = new Set([TABLE]);

// As SQL, and not by the table's own insert(), which would be built anew for each event.
const materializers = State.SQLite.materializers(
  { recorded },
  {
    [recorded.name]: ({ originatorId, originatorVersion, topic, state }) => ({
      sql: INSERT_SQL,
      bindValues: [uuidToBytes(originatorId), originatorVersion, topic, encoder.encode(state)],
      writeTables: WRITE_TABLES,
    }),
  },
);

export const schema = makeSchema({
  events: { recorded },
  state: State.SQLite.makeState({ tables: { storedEvents }, materializers }),
});

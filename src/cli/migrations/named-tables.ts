/**
 * Daybook's own tables by the names that a command line has for them.
 *
 * @module
 */
import { SqlEventIndex } from '../../application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../application/outbox/sql-outbox.js';
import { SqlSubjectKeys } from '../../application/personal/sql-subject-keys.js';
import { PROJECTION_TABLES } from '../../application/projections/sql-projection-tables.js';
import { ownTablesOf } from '../../migrations/own-tables.js';
import type { HasTables } from '../../migrations/own-tables.js';
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { Creations } from '../../persistence/sql/sql-names.js';
import { ownersCreations } from '../../persistence/sql/log-owner.js';
import { SqlCheckpoints } from '../../persistence/sql/sql-checkpoints.js';
import { SqlCommitIds } from '../../persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../persistence/sql/sql-snapshot-store.js';
import { SqlReplicaStore } from '../../server/access/sql-replica-store.js';
import { unitLogName } from '../../server/hosts/unit-log-name.js';
import { PostgresUnitLog } from '../../server/log/postgres/postgres-unit-log.js';
import { usageError } from '../command.js';

/** A recorder whose tables are known. */
export interface RecorderWithTables extends SqlRecorder {
  readonly tables: Creations;
  createTable(): Promise<void>;
}

/** What the tables are named after. */
export interface NamedTablesOptions {
  readonly recorder: RecorderWithTables;
  readonly applicationName: string | undefined;
  readonly schema: string | undefined;
}

/** In the order in which they are made: the owners of logs first, then the events. */
const TABLES: Readonly<Record<string, (options: NamedTablesOptions) => HasTables>> = {
  logs: ({ recorder, schema }) => missingIn(recorder, ownersCreations(schema)),
  events: ({ recorder }) => ownTablesOf(recorder),
  snapshots: (options) => new SqlSnapshotStore(placed(options)),
  outbox: (options) => new SqlOutbox(placed(options)),
  'event-index': (options) => new SqlEventIndex(placed(options)),
  checkpoints: (options) => new SqlCheckpoints(placed(options)),
  'commit-ids': (options) => new SqlCommitIds(placed(options)),
  'subject-keys': (options) => new SqlSubjectKeys(placed(options)),
  projections: ({ recorder }) => missingIn(recorder, PROJECTION_TABLES),
  units: (options) => new PostgresUnitLog({ ...placed(options), name: unitLogName(options.applicationName) }),
  replicas: (options) => new SqlReplicaStore(placed(options)),
};
const OF_LOGS = ['logs', 'units'];

/** What a command line may name. */
export const TABLE_NAMES: readonly string[] = Object.keys(TABLES);

/**
 * @param names - separated by commas; `all`, or `none`
 * @throws a usage error when there is none of a name, or not on this engine
 */
export function namedTables(names: string, options: NamedTablesOptions): readonly HasTables[] {
  const hasLogs = options.recorder.dialect.log !== undefined;
  const there = TABLE_NAMES.filter((name) => hasLogs || !OF_LOGS.includes(name));
  const wanted = names === 'all' ? there : names === 'none' ? [] : names.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !there.includes(name));
  if (unknown !== undefined) {
    throw usageError(`--tables: there are no tables "${unknown}" on this engine; there are ${there.join(', ')}.`);
  }
  return there.filter((name) => wanted.includes(name)).flatMap((name) => TABLES[name]?.(options) ?? []);
}

function placed({ recorder, schema }: NamedTablesOptions): {
  readonly recorder: SqlRecorder;
  readonly schema?: string;
} {
  return schema === undefined ? { recorder } : { recorder, schema };
}

function missingIn(recorder: SqlRecorder, tables: Creations): HasTables {
  return { tables, createTables: () => createMissing(recorder, tables) };
}

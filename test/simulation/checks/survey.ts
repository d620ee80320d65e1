/**
 * Looks at a store from outside: a replica of its own of the journal, as a tab would have that was opened now.
 *
 * @module
 */
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { SqliteOwnTables } from '../../../src/persistence/sqlite/own-tables/sqlite-own-tables.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { Notification } from '../../../src/persistence/stored-event.js';
import type { AggregateBase, UnitId } from '../../../src/persistence/unit.js';
import type { SetAsideUnit, SyncProgress, UnitStanding } from '../../../src/persistence/unit-recorder.js';
import { bytesToUuid } from '../../../src/util/uuid-bytes.js';
import { systemClock } from '../../../src/util/clock.js';
import type { SharedJournal } from '../../support/shared-journal.js';
import { readEvent } from '../world/stock.js';

const ALL = { eventsMax: 1_000_000, bytesMax: 1e9 };
const FOUND_AT_ONCE = 1_000;

/** What a store has. */
export interface Survey {
  readonly events: readonly Notification[];
  readonly setAside: readonly Pick<SetAsideUnit, 'id' | 'reason' | 'events'>[];
  readonly progress: SyncProgress;
  /** What stands for the first events of aggregates. */
  readonly bases: ReadonlyMap<string, Pick<AggregateBase, 'version' | 'digest'>>;
  /** Intents of events, in the log or set aside. */
  intents(): ReadonlySet<string>;
  find(ids: readonly UnitId[]): Promise<readonly (UnitStanding | undefined)[]>;
}

/** What a recorder says of its store. */
export async function surveyOf(recorder: DurableRecorder): Promise<Survey> {
  const bases = await basesOf(recorder);
  const events = await (bases.size === 0
    ? recorder.selectNotifications({ start: 1, limit: 1_000_000 })
    : leftIn(recorder));
  const setAside = await recorder.selectSetAside(0, ALL);
  const progress = await recorder.syncProgress();
  return {
    ...{ events, setAside, progress, bases },
    // Few who look want to know that.
    intents: () => new Set([...events, ...setAside.flatMap((unit) => unit.events)].map((one) => readEvent(one).intent)),
    find: (ids) => findIn(recorder, ids),
  };
}

async function basesOf(recorder: DurableRecorder): Promise<Survey['bases']> {
  const { rows } = await recorder.query('SELECT originator_id AS id FROM daybook_bases ORDER BY originator_id');
  const bases = new Map<string, AggregateBase>();
  for (const { id } of rows) {
    const originatorId = bytesToUuid(id as Uint8Array);
    const base = await recorder.selectBase(originatorId);
    if (base !== undefined) bases.set(originatorId, base);
  }
  return bases;
}

/** What is there: nobody who asks for all is given a part. */
async function leftIn(recorder: DurableRecorder): Promise<Notification[]> {
  const { rows } = await recorder.query(
    'SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events ORDER BY notification_id',
  );
  return rows.map((row) => ({
    id: row['notification_id'] as number,
    originatorId: bytesToUuid(row['originator_id'] as Uint8Array),
    originatorVersion: row['originator_version'] as number,
    topic: row['topic'] as string,
    state: row['state'] as Uint8Array,
  }));
}

/** What a recorder says of units, however many. */
export async function findIn(
  recorder: DurableRecorder,
  ids: readonly UnitId[],
): Promise<readonly (UnitStanding | undefined)[]> {
  const found: (UnitStanding | undefined)[] = [];
  for (let at = 0; at < ids.length; at += FOUND_AT_ONCE) {
    found.push(...(await recorder.findUnits(ids.slice(at, at + FOUND_AT_ONCE))));
  }
  return found;
}

/** Opens the store of a journal, takes no time, and lets go of it again. */
export async function survey<T>(journal: SharedJournal, work: (found: Survey) => Promise<T>): Promise<T> {
  const database = await openSqlJs();
  try {
    const images = new ImagedReplica(database, systemClock);
    const recorder = await DurableRecorder.open({
      ...{ replica: images.create(), images, journal: journal.connect() },
      ownTables: new SqliteOwnTables({ database, clock: systemClock }),
    });
    return await work(await surveyOf(recorder));
  } finally {
    database.close();
  }
}

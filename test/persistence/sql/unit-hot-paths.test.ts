/** No statement that is run for each commit, request or page of a synchronised store reads a whole table. */
import { expect, it } from 'vitest';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../../../src/persistence/sqlite/sqlite-units.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import type { SampleUnit } from '../../../src/testing/conformance/log-pages.js';
import { notingDatabase, sqliteFaults } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { SharedJournal } from '../../support/shared-journal.js';

const UNITS = 300;
const LIMITS = { eventsMax: 100, bytesMax: 1e6 };

/** As small as the number of tables, or as what waits: for a page, or for somebody who looks after it. */
const SMALL = [
  /^SCAN sqlite_sequence:/,
  /^SCAN daybook_units USING INDEX daybook_units_lost:/,
  // One row, which says how much is pending.
  /^SCAN daybook_pending: SELECT units, events,/,
  /^SCAN daybook_set_aside USING COVERING INDEX/,
  // Before the first page alone, and of a few units: which aggregates a bootstrap has to bring whole.
  /^SCAN (?:u USING INDEX daybook_units_pending|daybook_set_aside_events): SELECT e\.originator_id FROM daybook_units AS u/,
  // Whether there is any.
  /^SCAN daybook_returning: SELECT 1 FROM daybook_returning LIMIT 1$/,
];

const noted: RunStatement[] = [];
let recorder: DurableRecorder;
let database: Awaited<ReturnType<typeof openSqlJs>>;
let log: LogPages;
let there: SampleUnit[];
const north = newOriginatorId();

async function record(events: readonly StoredEvent[], isCommutative = false): Promise<string> {
  const id = crypto.randomUUID();
  await recorder.insertEvents(events, { unit: { id, isCommutative, command: new Uint8Array(1) } });
  return id;
}

/** Statements are prepared once, so each path has a store of its own. */
async function open(): Promise<void> {
  database = await openSqlJs();
  const noting = notingDatabase(database, noted);
  const replica = new SqliteReplica(noting, {}, { units: new SqliteUnits(noting) });
  replica.createTables();
  recorder = await DurableRecorder.open({ replica, journal: new SharedJournal().connect() });
  log = new LogPages(CURSOR_START, 0);
  there = Array.from({ length: UNITS }, (_, index) => ({
    id: crypto.randomUUID(),
    events: index < 3 ? [sampleEvent(north, index + 1)] : [sampleEvent(newOriginatorId(), 1)],
    position: index + 1,
  }));
}

const PATHS: Readonly<Record<string, () => Promise<void>>> = {
  'commits, and what is asked of them': async () => {
    const id = await record(sampleEvents(newOriginatorId(), 1, 3));
    await recorder.syncProgress();
    await recorder.selectPendingUnits(0, LIMITS);
    await recorder.selectSetAside(0, LIMITS);
    await recorder.findUnits([id, 1]);
    await recorder.setAside([{ id, reason: { code: 'FORBIDDEN', message: '' } }]);
    await recorder.discardSetAside([id]);
  },
  'pages, and what is in their way': async () => {
    const own = newOriginatorId();
    const id = await record([sampleEvent(own, 1)]);
    await recorder.insertPage(log.next(...there, { id, events: [sampleEvent(own, 1)] }));
    await record([sampleEvent(north, 4)]);
    await record([sampleEvent(north, 5)], true);
    await recorder.insertPage(log.next({ events: [sampleEvent(north, 4, 'theirs')] }), { superseding: 'defer' });
    await recorder.selectSuperseded();
  },
  'pages of a log that is followed anew, but for the last one': async () => {
    await recorder.insertPage(log.next(...there));
    await record([sampleEvent(there[9]!.events[0]!.originatorId, 2)]);
    await recorder.followAnew(log.cursor);
    const anew = new LogPages(CURSOR_START, 0);
    for (const start of [0, 100]) {
      await recorder.insertPage(anew.next(...there.slice(start, start + 100).filter((_, index) => index !== 9)));
    }
    expect((await recorder.selectNotifications({ start: 1, limit: 1_000 })).length).toBe(UNITS - 2);
  },
};

it.each(Object.keys(PATHS))('%s', async (path) => {
  await open();
  noted.length = 0;
  await PATHS[path]?.();
  const statements = [...new Map(noted.map((statement) => [statement.text, statement])).values()];
  expect(statements.length).toBeGreaterThan(0);
  const faults = statements.flatMap((statement) => sqliteFaults(database, statement));
  expect(faults.filter((fault) => !SMALL.some((small) => small.test(fault)))).toEqual([]);
  await recorder.close();
});

it('the index for that is there no longer than it is needed', async () => {
  await open();
  const indexes = (): unknown[] => {
    const statement = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'daybook_units_anew'");
    const rows = statement.all([]);
    statement.free();
    return rows;
  };
  await recorder.insertPage(log.next(...there));
  expect(indexes()).toEqual([]);
  await recorder.followAnew(log.cursor);
  expect(indexes()).toEqual([['daybook_units_anew']]);
  await recorder.rewind(CURSOR_START);
  await recorder.endHeal({ rewinds: 1, refused: [] });
  expect(indexes()).toEqual([]);
  const again = new LogPages(CURSOR_START, 0);
  await recorder.insertPage(again.next(...there));
  await recorder.followAnew(again.cursor);
  await recorder.insertPage(new LogPages(CURSOR_START, 0).next(...there));
  expect((await recorder.syncProgress()).held).toEqual([]);
  expect(indexes()).toEqual([]);
  await recorder.close();
});

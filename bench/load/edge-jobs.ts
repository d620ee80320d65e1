/**
 * Appending and reading at the edge, by Daybook and by the same statements written by hand: in a Durable Object and in D1. Runs in
 * Cloudflare's runtime, whose clock stands still while a Worker computes: so each call does many, and whoever asked for it
 * takes the time.
 *
 * @module
 */
import { D1ProcessRecorder } from '../../src/d1/index.js';
import type { D1Source } from '../../src/d1/index.js';
import { openObjectRecorder } from '../../src/persistence/durable-object/object-recorder.js';
import type { ObjectStorage } from '../../src/persistence/durable-object/object-storage.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';

/** What is measured. */
export type EdgeKind = 'append' | 'read';

/** Who does it. */
export type EdgeSide = 'ours' | 'theirs';

/** One call. */
export interface EdgeJob {
  readonly kind: EdgeKind;
  readonly side: EdgeSide;
  /** Numbers the call: its aggregates are of no other one. */
  readonly run: number;
  /** How often it is done. */
  readonly times: number;
  /** Of a commit, or of the aggregate that is read. */
  readonly events: number;
}

/** Does calls. @returns how many events there were */
export type EdgeJobs = (job: EdgeJob) => Promise<number>;

/** An event as one has it who writes by hand: nothing is to be encoded. */
interface PlainEvent {
  readonly id: string;
  readonly version: number;
  readonly topic: string;
  readonly state: string;
}

interface Hand {
  append(events: readonly PlainEvent[]): Promise<void>;
  /** @returns the states */
  read(id: string): Promise<readonly string[]>;
}

const TOPIC = 'stock:Item.Counted';

/** @param storage - of an object with nothing in it */
export async function objectJobs(storage: ObjectStorage): Promise<EdgeJobs> {
  const [recorder, plain] = [
    await openObjectRecorder(storage),
    { eventsTable: 'plain', trackingTable: 'plain_tracking' },
  ];
  await openObjectRecorder(storage, plain);
  const { sql } = storage;
  const hand: Hand = {
    append: (events) => {
      storage.transactionSync(() => {
        const maxSql = `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0),
          coalesce((SELECT max(notification_id) FROM plain), 0))`;
        let last = [...sql.exec(maxSql, 'plain').raw()][0]?.[0] as number;
        for (const { id, version, topic, state } of events) {
          sql.exec(
            'INSERT INTO plain (notification_id, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)',
            ...[++last, toBytes(id), version, topic, encoder.encode(state)],
          );
        }
      });
      return Promise.resolve();
    },
    read: (id) => {
      const text =
        'SELECT originator_version, topic, state FROM plain WHERE originator_id = ? ORDER BY originator_version ASC';
      const rows = [...sql.exec(text, toBytes(id)).raw()];
      return Promise.resolve(rows.map(([, , state]) => decoder.decode(state as ArrayBuffer)));
    },
  };
  return jobs(recorder, hand);
}

/** @param database - with nothing in it, or what this has made before */
export async function d1Jobs(database: D1Source): Promise<EdgeJobs> {
  const recorder = new D1ProcessRecorder(database);
  await recorder.createTable();
  await new D1ProcessRecorder(database, { eventsTable: 'plain', trackingTable: 'plain_tracking' }).createTable();
  const session = database.withSession('first-primary');
  const columns = 'originator_id, originator_version, topic, state';
  const hand: Hand = {
    async append(events) {
      const [first] = events;
      const statement =
        events.length === 1 && first !== undefined
          ? session
              .prepare(`INSERT INTO plain (${columns}) VALUES (?, ?, ?, ?)`)
              .bind(first.id, first.version, first.topic, first.state)
          : session
              .prepare(
                `INSERT INTO plain (${columns}) SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?) ORDER BY key`,
              )
              .bind(JSON.stringify(events.map(({ id, version, topic, state }) => [id, version, topic, state])));
      await session.batch([statement]);
    },
    async read(id) {
      const text =
        'SELECT originator_version, topic, state FROM plain WHERE originator_id = ? ORDER BY originator_version ASC';
      const { results } = await session.prepare(text).bind(id).all();
      return (results as readonly { state: string }[]).map(({ state }) => state);
    },
  };
  return jobs(recorder, hand);
}

function jobs(recorder: ProcessRecorder, hand: Hand): EdgeJobs {
  const append: Readonly<Record<EdgeSide, Hand['append']>> = {
    ours: async (events) => void (await recorder.insertEvents(events.map(toStored))),
    theirs: (events) => hand.append(events),
  };
  const read: Readonly<Record<EdgeSide, (id: string) => Promise<number>>> = {
    ours: async (id) => (await recorder.selectEvents(id)).length,
    theirs: async (id) => (await hand.read(id)).length,
  };
  return async ({ kind, side, run, times, events }) => {
    let count = 0;
    if (kind === 'read') {
      // Both read what was appended before: the first aggregate of a call of appending.
      const id = idOf(run, 0);
      for (let time = 0; time < times; time++) count += await read[side](id);
      return count;
    }
    for (let time = 0; time < times; time++) {
      await append[side](eventsOf(idOf(run, time), events));
      count += events;
    }
    return count;
  };
}

function idOf(run: number, time: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${hex(run, 8)}-0000-4000-8000-${hex(time, 12)}`;
}

function eventsOf(id: string, count: number): PlainEvent[] {
  return Array.from({ length: count }, (_, at) => ({
    id,
    version: at + 1,
    topic: TOPIC,
    state: `{"sku":"${id}","quantity":${at},"reason":"counted","note":"${'n'.repeat(120)}"}`,
  }));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function toStored({ id, version, topic, state }: PlainEvent): StoredEvent {
  return { originatorId: id, originatorVersion: version, topic, state: encoder.encode(state) };
}

function toBytes(id: string): Uint8Array {
  const digits = id.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16));
}

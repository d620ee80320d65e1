import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import { lastRows } from '../../../src/persistence/postgres/postgres-driver.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { createSyncServer } from '../../../src/server/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { postPush } from '../../support/push-client.js';
import { makeEvents, makePush } from '../../support/stored-events.js';

let postgres: PostgresFixture;
let statements: string[] = [];
let bytesRead = 0;

/** Counts statements, and the bytes of what they give. */
const counting: PostgresPool = {
  query: () => Promise.reject(new Error('not used')),
  connect: async () => {
    const client = await postgres.pool.connect();
    return {
      query: async (text, values) => {
        const result = await client.query(text, values);
        statements.push(text);
        for (const row of lastRows(result)) {
          for (const value of Object.values(row)) bytesRead += (value as Uint8Array | null)?.length ?? 8;
        }
        return result;
      },
      release: (error) => client.release(error),
    };
  },
};

async function makeRecorder(options: { originatorIdType?: 'text' } = {}): Promise<PostgresProcessRecorder> {
  const recorder = new PostgresProcessRecorder({ pool: counting, applicationName: uniqueName(), ...options });
  await recorder.createTable();
  return recorder;
}

function forget(): void {
  statements = [];
  bytesRead = 0;
}

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

describe('events are compared where they are stored', () => {
  const change = (events: readonly StoredEvent[], at: number, changed: Partial<StoredEvent>): StoredEvent[] =>
    events.map((event, index) => (index === at ? { ...event, ...changed } : event));

  it.each(['uuid', 'text'] as const)('by version, topic and state, with ids of type %s', async (type) => {
    const recorder = await makeRecorder(type === 'text' ? { originatorIdType: type } : {});
    const prefix = type === 'text' ? 'it\'s {1,"2"}\\ü' : '';
    const events = [...makeEvents(3), ...makeEvents(2)].map((event) => ({
      ...event,
      originatorId: prefix + event.originatorId,
      topic: 'stock:Zählung "a,b" {c}',
    }));
    await recorder.insertEvents(events);
    expect(await recorder.findUnlike(events)).toBeUndefined();
    expect(await recorder.findUnlike([])).toBeUndefined();
    expect(await recorder.findUnlike(events.toReversed())).toBeUndefined();
    for (const at of events.keys()) {
      const { state, originatorId } = events[at] as StoredEvent;
      for (const changed of [
        { state: new Uint8Array(0) },
        { state: state.map((byte) => byte ^ 1) },
        { topic: 'other' },
        { originatorVersion: 99 },
        { originatorId: prefix + crypto.randomUUID(), originatorVersion: 1 },
      ]) {
        expect(await recorder.findUnlike(change(events, at, changed))).toBe(at);
      }
      const twice = change(change(events, at, { topic: 'other' }), 4, { topic: 'other' });
      expect(await recorder.findUnlike(twice)).toBe(at);
      expect(originatorId.startsWith(prefix)).toBe(true);
    }
  });

  it('each found by its key, however large the table is', async () => {
    const recorder = await makeRecorder();
    await recorder.insertEvents(makeEvents(3_000));
    forget();
    const asked = makeEvents(1);
    await recorder.findUnlike(asked);
    const text = statements.find((statement) => statement.includes('unnest(')) ?? '';
    const client = await postgres.pool.connect();
    try {
      await client.query('ANALYZE');
      const values = [[asked[0]?.originatorId], [1], [''], ['']];
      const { rows } = await client.query(`EXPLAIN ${text}`, values);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan using \S+_pkey/);
      expect(plan).not.toMatch(/Seq Scan on|Hash/);
    } finally {
      client.release();
    }
  });
});

describe('a push that comes again', () => {
  it('with other content, makes the server read nothing of the states that are stored', async () => {
    const recorder = await makeRecorder();
    const { fetch } = createSyncServer({ recorder, allowAnonymous: true, log: vi.fn() });
    const replicaId = crypto.randomUUID();
    const large = makeEvents(40).map((event) => ({ ...event, state: crypto.getRandomValues(new Uint8Array(60_000)) }));
    for (const [at, event] of large.entries()) {
      await postPush(fetch, makePush([event], { replicaId, after: at }));
    }
    forget();
    const small = makePush(
      large.map((event) => ({ ...event, state: new Uint8Array(1) })),
      { replicaId },
    );
    const { body } = await postPush(fetch, small);
    expect([body.error?.code, body.error?.details?.['id']]).toEqual(['REPLICA_DIVERGED', 1]);
    expect(bytesRead).toBeLessThan(JSON.stringify(small).length);
    expect(bytesRead).toBeLessThan(1_000);
  });

  it('of 500 aggregates, is a few statements', async () => {
    const recorder = await makeRecorder();
    const { fetch } = createSyncServer({ recorder, allowAnonymous: true, log: vi.fn() });
    const request = makePush(Array.from({ length: 500 }, () => makeEvents(1)).flat());
    expect((await postPush(fetch, request)).status).toBe(200);
    forget();
    expect((await postPush(fetch, request)).status).toBe(200);
    expect(statements.length).toBeLessThan(5);
  });
});

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { defineDecider } from '../../src/domain/decider.js';
import { event } from '../../src/domain/message-types.js';
import type { DateTime } from '../../src/domain/date-time.js';
import { Decimal } from '../../src/domain/decimal.js';
import { UUID } from '../../src/domain/uuid.js';
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { ZlibCompressor } from '../../src/persistence/mapping/zlib-compressor.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';

interface Vector {
  readonly cipher: string;
  readonly cipher_key_b64: string | null;
  readonly zlib: boolean;
  readonly originator_id: string;
  readonly originator_version: number;
  readonly topic: string;
  readonly state_hex: string;
}
const { mapper: vectors } = JSON.parse(
  readFileSync(new URL('../vectors/python-eventsourcing.json', import.meta.url), 'utf8'),
) as { mapper: readonly Vector[] };

// The events of the Python application, by its own topics.
const dog = defineDecider({
  name: 'Dog',
  events: {
    Registered: event<{ originator_topic: string; name: string; owner_id: UUID; born_on: DateTime; price: Decimal }>({
      topic: 'dogschool:Dog.Registered',
    }),
    FeePaid: event<{ amount: Decimal; currency: string }>({
      topic: 'dogschool:Dog.FeePaid',
      version: 2,
      upcasts: { 1: (data) => ({ ...data, currency: 'EUR' }) },
    }),
  },
  commands: {},
  initialState: (): readonly string[] => [],
  decide: () => [],
  evolve: (state, { type }) => [...state, type],
});

const FIXED: Partial<ApplicationOptions> = {
  clock: { nowMs: () => Date.UTC(2024, 1, 7, 15, 32, 51, 120), monotonicMs: () => 0, schedule: () => () => undefined },
  newEventId: () => '018d843a-0000-7000-8000-000000000001',
};

async function applicationFor(
  { cipher_key_b64, zlib }: Pick<Vector, 'cipher_key_b64' | 'zlib'>,
  recorder: ProcessRecorder,
): Promise<Application> {
  return new Application({
    recorder,
    aggregates: [dog],
    ...FIXED,
    ...(zlib ? { compressor: new ZlibCompressor() } : {}),
    ...(cipher_key_b64 === null ? {} : { cipher: await AESCipher.fromKey(cipher_key_b64) }),
  });
}

const events = vectors.filter(({ topic }) => topic.startsWith('dogschool:'));

describe('an application', () => {
  test.each(events)('reads what Python wrote: $topic, cipher $cipher, zlib $zlib', async (vector) => {
    const recorder = new MemoryProcessRecorder();
    const app = await applicationFor(vector, recorder);
    const { originator_id: originatorId, originator_version: originatorVersion, topic } = vector;
    await recorder.insertEvents([
      { originatorId, originatorVersion, topic, state: Buffer.from(vector.state_hex, 'hex') },
    ]);
    const [read] = await app.repository.history(dog, originatorId);
    expect(read?.metadata).toMatchObject({
      occurredAt: new Date('2024-02-07T15:32:51.123Z'),
      recordedAt: undefined,
      schemaVersion: topic.endsWith('FeePaid') ? 2 : 1,
    });
    expect(read?.metadata.eventId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
    if (read?.type === 'Registered') {
      expect(read.data.owner_id).toEqual(UUID.parse('00000000000000000000000000000001'));
      expect(String(read.data.price)).toBe('12.50');
    } else expect(Object.keys(read?.data ?? {})).toEqual(['amount', 'currency']);
  });

  test('writes what Python reads: the timestamp first, then the attributes, and one more attribute', async () => {
    const recorder = new MemoryProcessRecorder();
    const app = await applicationFor({ cipher_key_b64: null, zlib: false }, recorder);
    const id = 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5';
    const paid = { type: 'FeePaid', data: { amount: Decimal.parse('1E+3'), currency: 'EUR' } } as const;
    await app.append(dog, id, [paid], 'any', { metadata: { actorId: 'anna', tenantId: 'north' } });
    const [row] = await recorder.selectEvents(id);
    expect(row?.topic).toBe('dogschool:Dog.FeePaid');
    expect(new TextDecoder().decode(row?.state)).toBe(
      '{"timestamp":{"_type_":"datetime_iso","_data_":"2024-02-07T15:32:51.120000+00:00"},' +
        '"amount":{"_type_":"decimal_str","_data_":"1E+3"},"currency":"EUR",' +
        '"metadata_":{"event_id":"018d843a-0000-7000-8000-000000000001","recorded_at":"2024-02-07T15:32:51.120000+00:00",' +
        '"actor_id":"anna","correlation_id":"018d843a-0000-7000-8000-000000000001","tenant_id":"north"},' +
        '"class_version":2}',
    );
  });
});

describe('in PostgreSQL', () => {
  let postgres: PostgresFixture;
  beforeAll(async () => {
    postgres = await openPostgres();
  });
  afterAll(async () => postgres.close());

  test('rows that Python inserted and rows of an application are one history', async () => {
    const name = uniqueName();
    const recorder = await postgres.make({ applicationName: name });
    const app = await applicationFor({ cipher_key_b64: null, zlib: false }, recorder);
    const [registered] = events.filter(
      ({ cipher, zlib, topic }) => cipher === 'none' && !zlib && topic.endsWith('Registered'),
    );
    if (registered === undefined) throw new Error('the vector is missing');
    await postgres.pool.query(`INSERT INTO ${name}_events VALUES ($1, $2, $3, $4)`, [
      registered.originator_id,
      registered.originator_version,
      registered.topic,
      Buffer.from(registered.state_hex, 'hex'),
    ]);
    const paid = { type: 'FeePaid', data: { amount: Decimal.parse('5.00'), currency: 'EUR' } } as const;
    await app.append(dog, registered.originator_id, [paid], 1);
    const { version, state } = await app.repository.load(dog, registered.originator_id);
    expect([version, state]).toEqual([2, ['Registered', 'FeePaid']]);
    const { rows } = await postgres.pool.query(`SELECT * FROM ${name}_events ORDER BY notification_id`, []);
    expect(rows.map((row) => [row['originator_version'], row['topic']])).toEqual([
      ['1', 'dogschool:Dog.Registered'],
      ['2', 'dogschool:Dog.FeePaid'],
    ]);
  });
});

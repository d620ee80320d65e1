import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from '../../src/persistence/mapping/transcodings.js';
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
const vectors = (
  JSON.parse(readFileSync(new URL('../vectors/python-eventsourcing.json', import.meta.url), 'utf8')) as {
    mapper: Vector[];
  }
).mapper.map((vector) => [`${vector.topic}, cipher ${vector.cipher}, zlib ${vector.zlib}`, vector] as const);

const mapperFor = async ({ cipher_key_b64, zlib }: Vector): Promise<Mapper> =>
  new Mapper({
    transcoder: new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr),
    compressor: zlib ? new ZlibCompressor() : undefined,
    cipher: cipher_key_b64 === null ? undefined : await AESCipher.fromKey(cipher_key_b64),
  });

describe('rows of the Python library, by plain SQL', () => {
  let postgres: PostgresFixture;
  beforeAll(async () => {
    postgres = await openPostgres();
  });
  afterAll(async () => postgres.close());

  test.each(vectors)('%s: what Python inserted is read', async (_title, vector) => {
    const name = uniqueName();
    const recorder = await postgres.make({ applicationName: name });
    const mapper = await mapperFor(vector);
    // Positional, as the Python library inserts.
    await postgres.pool.query(`INSERT INTO ${name}_events VALUES ($1, $2, $3, $4)`, [
      vector.originator_id,
      vector.originator_version,
      vector.topic,
      Buffer.from(vector.state_hex, 'hex'),
    ]);
    const [event] = await new EventStore({ mapper, recorder }).get(vector.originator_id);
    expect(event).toMatchObject({ type: vector.topic, originatorVersion: vector.originator_version });
    const [notification] = await recorder.selectNotifications({ start: 1, limit: 1 });
    expect(Buffer.from(notification?.state ?? []).toString('hex')).toBe(vector.state_hex);
  });

  const plainVectors = vectors.filter(([, { cipher, zlib }]) => cipher === 'none' && !zlib);
  test.each(plainVectors)('%s: what Daybook writes is byte for byte what Python writes', async (_title, vector) => {
    const name = uniqueName();
    const recorder = await postgres.make({ applicationName: name });
    const mapper = await mapperFor(vector);
    const event = await mapper.toDomainEvent({
      originatorId: vector.originator_id,
      originatorVersion: vector.originator_version,
      topic: vector.topic,
      state: Buffer.from(vector.state_hex, 'hex'),
    });
    await new EventStore({ mapper, recorder }).put([event]);
    const { rows } = await postgres.pool.query(`SELECT * FROM ${name}_events`, []);
    expect(rows).toEqual([
      {
        originator_id: vector.originator_id,
        originator_version: String(vector.originator_version),
        topic: vector.topic,
        state: Buffer.from(vector.state_hex, 'hex'),
        notification_id: '1',
      },
    ]);
    expect(Object.keys(rows[0] as object).slice(0, 4)).toEqual([
      'originator_id',
      'originator_version',
      'topic',
      'state',
    ]);
  });

  const packedVectors = vectors.filter(([, { cipher, zlib }]) => cipher !== 'none' || zlib);
  test.each(packedVectors)('%s: what Daybook writes is what Python can undo', async (_title, vector) => {
    const mapper = await mapperFor(vector);
    const stored = {
      originatorId: vector.originator_id,
      originatorVersion: vector.originator_version,
      topic: vector.topic,
      state: new Uint8Array(Buffer.from(vector.state_hex, 'hex')),
    };
    const again = await mapper.toStoredEvent(await mapper.toDomainEvent(stored));
    // Compressed bytes and nonces differ from run to run; the layout, and so the length, does not.
    if (vector.cipher !== 'none' && !vector.zlib) expect(again.state.length).toBe(stored.state.length);
    if (vector.cipher === 'none') expect([...again.state.subarray(0, 2)]).toEqual([0x78, 0x9c]);
    expect(await mapper.toDomainEvent(again)).toEqual(await mapper.toDomainEvent(stored));
  });
});

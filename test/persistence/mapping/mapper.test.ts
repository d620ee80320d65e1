import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DomainEvent } from '../../../src/domain/domain-event.js';
import { AESCipher } from '../../../src/persistence/mapping/aes-cipher.js';
import { EventStore } from '../../../src/persistence/event-store.js';
import { JSONTranscoder } from '../../../src/persistence/mapping/json-transcoder.js';
import { Mapper, SNAPSHOT_TOPIC } from '../../../src/persistence/mapping/mapper.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from '../../../src/persistence/mapping/transcodings.js';
import { ZlibCompressor } from '../../../src/persistence/mapping/zlib-compressor.js';

interface MapperVector {
  readonly cipher: string;
  readonly cipher_key_b64: string | null;
  readonly zlib: boolean;
  readonly originator_id: string;
  readonly originator_version: number;
  readonly topic: string;
  readonly state_hex: string;
  readonly json: string;
}
const { mapper: vectors } = JSON.parse(
  readFileSync(new URL('../../vectors/python-eventsourcing.json', import.meta.url), 'utf8'),
) as { mapper: MapperVector[] };

const transcoder = new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr);
const originatorId = 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5';
const counted = (data: unknown, originatorVersion = 1): DomainEvent => ({
  originatorId,
  originatorVersion,
  type: 'Counted',
  data,
});

describe('states that Python wrote', () => {
  test.each(
    vectors.map((vector) => [`${vector.topic}, cipher ${vector.cipher}, zlib ${vector.zlib}`, vector] as const),
  )('%s', async (_title, vector) => {
    const cipher = vector.cipher_key_b64 === null ? undefined : await AESCipher.fromKey(vector.cipher_key_b64);
    const compressor = vector.zlib ? new ZlibCompressor() : undefined;
    const mapper = new Mapper({ transcoder, compressor, cipher });
    const stored = {
      originatorId: vector.originator_id,
      originatorVersion: vector.originator_version,
      topic: vector.topic,
      state: new Uint8Array(Buffer.from(vector.state_hex, 'hex')),
    };
    const event = await mapper.toDomainEvent(stored);
    expect(new TextDecoder().decode(transcoder.encode(event.data))).toBe(vector.json);
    const again = await mapper.toStoredEvent(event);
    expect(await mapper.toDomainEvent(again)).toEqual(event);
    if (cipher === undefined && compressor === undefined) expect(again).toEqual(stored);
  });
});

describe('compression and encryption', () => {
  test('order the sizes of a compressible state as they should', async () => {
    const compressor = new ZlibCompressor();
    const cipher = await AESCipher.fromKey(AESCipher.createKey(32));
    const event = counted({ text: 'the same again and again, '.repeat(40) });
    const size = async (parts: object): Promise<number> =>
      (await new Mapper({ transcoder, ...parts }).toStoredEvent(event)).state.length;
    const plain = await size({});
    expect(await size({ compressor })).toBeLessThan(plain);
    expect(await size({ cipher })).toBe(plain + 28);
    expect(await size({ compressor, cipher })).toBe((await size({ compressor })) + 28);
  });

  test('any state comes back', async () => {
    const compressor = new ZlibCompressor();
    const cipher = await AESCipher.fromKey(AESCipher.createKey(16));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), async (bytes) => {
        const packed = await cipher.encrypt(await compressor.compress(bytes));
        expect([...(await compressor.decompress(await cipher.decrypt(packed)))]).toEqual([...bytes]);
      }),
    );
  });

  test('a deflate bomb is refused at the size that was set', async () => {
    const bomb = await new ZlibCompressor().compress(new Uint8Array(10_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    await expect(new ZlibCompressor({ decompressedBytesMax: 9_999_999 }).decompress(bomb)).rejects.toMatchObject({
      code: 'DECOMPRESSION_ERROR',
    });
    expect(await new ZlibCompressor({ decompressedBytesMax: 10_000_000 }).decompress(bomb)).toHaveLength(10_000_000);
  });

  test('any bytes give bytes or a typed error', async () => {
    const compressor = new ZlibCompressor({ decompressedBytesMax: 100_000 });
    const cipher = await AESCipher.fromKey(AESCipher.createKey(16));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await compressor.decompress(bytes).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'DECOMPRESSION_ERROR' });
        });
        await expect(cipher.decrypt(bytes)).rejects.toMatchObject({ code: 'DECRYPTION_ERROR' });
      }),
    );
  });

  test('a zlib state that is cut short, or goes on after its end, is refused', async () => {
    const compressor = new ZlibCompressor();
    const packed = await compressor.compress(new TextEncoder().encode('x'.repeat(100)));
    await expect(compressor.decompress(packed.slice(0, -1))).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
    await expect(compressor.decompress(packed.slice(0, 3))).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
  });

  test.each([10, 20, 30])('a cipher text cut to %d bytes is refused', async (length) => {
    const cipher = await AESCipher.fromKey(AESCipher.createKey(16));
    const sealed = await cipher.encrypt(new Uint8Array(100));
    await expect(cipher.decrypt(sealed.slice(0, length))).rejects.toMatchObject({ code: 'DECRYPTION_ERROR' });
  });

  test('another key is refused, and a nonce is never used twice', async () => {
    const [first, second] = [
      await AESCipher.fromKey(AESCipher.createKey(32)),
      await AESCipher.fromKey(AESCipher.createKey(32)),
    ];
    const sealed = await first.encrypt(new Uint8Array(5));
    await expect(second.decrypt(sealed)).rejects.toMatchObject({ code: 'DECRYPTION_ERROR' });
    expect(await first.encrypt(new Uint8Array(5))).not.toEqual(sealed);
  });

  test.each([12, 20, 28, 36, 0])('a key of %d bytes is refused', async (length) => {
    expect(() => AESCipher.createKey(length)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
    const key = Buffer.alloc(length).toString('base64');
    await expect(AESCipher.fromKey(key)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test('keys of 16, 24 and 32 bytes work where the platform has them; what is not base64 is refused', async () => {
    for (const bytes of [16, 24, 32]) {
      const cipher = await AESCipher.fromKey(AESCipher.createKey(bytes));
      expect(await cipher.decrypt(await cipher.encrypt(Uint8Array.of(1, 2)))).toEqual(Uint8Array.of(1, 2));
    }
    await expect(AESCipher.fromKey('not base64!')).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});

describe('what cannot be read', () => {
  test.each<[string, Uint8Array]>([
    ['damaged JSON', new TextEncoder().encode('{"a":')],
    ['compressed bytes without a compressor', Uint8Array.of(0x78, 0x9c, 1, 2)],
    ['nothing', new Uint8Array(0)],
    ['a transcoding that is not registered', new TextEncoder().encode('{"_type_":"money","_data_":1}')],
  ])('%s: the error names topic, aggregate and version', async (_what, state) => {
    const reading = new Mapper({ transcoder }).toDomainEvent({
      originatorId,
      originatorVersion: 7,
      topic: 'Counted',
      state,
    });
    await expect(reading).rejects.toMatchObject({
      code: 'MAPPER_DESERIALISATION_ERROR',
      details: { topic: 'Counted', originatorId, originatorVersion: 7 },
    });
  });
});

describe('versions', () => {
  const write = async (data: object): Promise<Parameters<Mapper['toDomainEvent']>[0]> =>
    new Mapper({ transcoder }).toStoredEvent(counted(data));
  const latest = {
    version: 4,
    upcasts: {
      1: (data: Record<string, unknown>) => ({ ...data, b: 2 }),
      2: (data: Record<string, unknown>) => {
        data['c'] = 3;
      },
      3: (data: Record<string, unknown>) => ({ ...data, d: 4 }),
    },
  };

  test('old data goes up the chain, from wherever it is', async () => {
    const mapper = new Mapper({ transcoder, versions: { Counted: latest } });
    expect((await mapper.toDomainEvent(await write({ a: 1 }))).data).toEqual({ a: 1, b: 2, c: 3, d: 4 });
    const third = await mapper.toDomainEvent(await write({ a: 1, class_version: 3 }));
    expect(third.data).toEqual({ a: 1, d: 4 });
  });

  test('new data carries its version, which readers do not see', async () => {
    const mapper = new Mapper({ transcoder, versions: { Counted: latest } });
    const stored = await mapper.toStoredEvent(counted({ a: 1 }));
    expect(new TextDecoder().decode(stored.state)).toBe('{"a":1,"class_version":4}');
    expect((await mapper.toDomainEvent(stored)).data).toEqual({ a: 1 });
  });

  test('snapshots carry the version of the aggregate inside their state', async () => {
    const mapper = new Mapper({ transcoder, versions: { 'shop:Item': latest } });
    const snapshot: DomainEvent = { ...counted({ topic: 'shop:Item', state: { a: 1 } }), type: SNAPSHOT_TOPIC };
    const old = await new Mapper({ transcoder }).toStoredEvent(snapshot);
    expect((await mapper.toDomainEvent(old)).data).toEqual({ topic: 'shop:Item', state: { a: 1, b: 2, c: 3, d: 4 } });
    const stored = await mapper.toStoredEvent(snapshot);
    expect(new TextDecoder().decode(stored.state)).toBe('{"topic":"shop:Item","state":{"a":1,"class_version":4}}');
  });

  test('data of a newer version, an upcast that throws, and a version that is no number are errors with names', async () => {
    const mapper = new Mapper({ transcoder, versions: { Counted: latest } });
    await expect(mapper.toDomainEvent(await write({ class_version: 5 }))).rejects.toThrow('newer');
    await expect(mapper.toDomainEvent(await write({ class_version: 'x' }))).rejects.toMatchObject({
      code: 'MAPPER_DESERIALISATION_ERROR',
    });
    const failing = new Mapper({
      transcoder,
      versions: {
        Counted: {
          version: 2,
          upcasts: {
            1: () => {
              throw new Error('no way up');
            },
          },
        },
      },
    });
    await expect(failing.toDomainEvent(await write({}))).rejects.toThrow('no way up');
  });

  test('a chain with a gap is refused when it is registered', () => {
    const register = (upcasts: Record<number, () => void>, version: number) => (): unknown =>
      new Mapper({ transcoder }).registerVersions('Counted', { version, upcasts });
    expect(register({ 1: () => undefined, 3: () => undefined }, 4)).toThrow('from version 2 to 3');
    expect(register({ 1: () => undefined, 5: () => undefined }, 2)).toThrow('below 2');
    expect(register({}, 1.5)).toThrow('integer');
  });
});

describe('topics', () => {
  test('an unknown topic is refused on writing; on reading the policy decides', async () => {
    const recorder = new MemoryProcessRecorder();
    await new EventStore({ mapper: new Mapper({ transcoder }), recorder }).put([
      counted({ a: 1 }),
      { ...counted({ a: 2 }, 2), type: 'Unknown' },
    ]);
    const topics = ['Counted'];
    const strict = new Mapper({ transcoder, topics });
    await expect(strict.toStoredEvent({ ...counted({}), type: 'Unknown' })).rejects.toMatchObject({
      code: 'TOPIC_ERROR',
    });
    await expect(new EventStore({ mapper: strict, recorder }).get(originatorId)).rejects.toMatchObject({
      code: 'TOPIC_ERROR',
      details: { topic: 'Unknown', originatorId, originatorVersion: 2 },
    });
    const skipping = new EventStore({ mapper: strict, recorder, unknownTopic: 'skip' });
    expect((await skipping.get(originatorId)).map(({ type }) => type)).toEqual(['Counted']);
    const keeping = new EventStore({ mapper: new Mapper({ transcoder, topics, unknownTopic: 'keep' }), recorder });
    expect((await keeping.get(originatorId)).map(({ type }) => type)).toEqual(['Counted', 'Unknown']);
  });
});

describe('reading at once', () => {
  const wrong = { originatorId, originatorVersion: 1, topic: 'Counted', state: new Uint8Array([1]) };

  test('gives the event itself where nothing has to be waited for, and throws directly', async () => {
    const mapper = new Mapper({ transcoder });
    const stored = await mapper.toStoredEvent(counted({ a: 1 }));
    expect(mapper.readDomainEvent(stored)).toEqual(counted({ a: 1 }));
    expect(() => mapper.readDomainEvent(wrong)).toThrow(
      expect.objectContaining({ code: 'MAPPER_DESERIALISATION_ERROR' }) as Error,
    );
  });

  test('gives a promise where a compressor, a cipher or the transcoder needs time', async () => {
    const slow = {
      encode: async (value: unknown) => transcoder.encode(value),
      decode: async (bytes: Uint8Array) => transcoder.decode(bytes),
    };
    for (const options of [{ transcoder: slow }, { transcoder, compressor: new ZlibCompressor() }]) {
      const mapper = new Mapper(options);
      const reading = mapper.readDomainEvent(await mapper.toStoredEvent(counted({ a: 1 })));
      expect(reading).toBeInstanceOf(Promise);
      expect(await reading).toEqual(counted({ a: 1 }));
      await expect(mapper.readDomainEvent(wrong)).rejects.toMatchObject({ code: 'MAPPER_DESERIALISATION_ERROR' });
    }
  });
});

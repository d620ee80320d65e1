import {
  AESCipher,
  DatetimeAsISO,
  DateTime,
  DecimalAsStr,
  isEventSourcingError,
  JSONTranscoder,
  Mapper,
  UUIDAsHex,
  ZlibCompressor,
} from 'daybook';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import vectors from '../vectors/python-eventsourcing.json' with { type: 'json' };

const transcoder = new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const fromHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

describe('what Python wrote, in a browser', () => {
  // A float with an integral value comes back as an integer.
  const same = vectors.transcoder.filter(({ roundtrip_equal, label }) => roundtrip_equal && label !== 'float');
  test.each(same.map((vector) => [vector.label, vector] as const))('%s', (_label, vector) => {
    expect(text(transcoder.encode(transcoder.decode(fromHex(vector.hex))))).toBe(vector.utf8);
  });

  test.each(
    vectors.mapper.map((vector) => [`${vector.topic}, ${vector.cipher}, zlib ${vector.zlib}`, vector] as const),
  )('state of %s', async (_title, vector) => {
    const cipher = vector.cipher_key_b64 === null ? undefined : await AESCipher.fromKey(vector.cipher_key_b64);
    const compressor = vector.zlib ? new ZlibCompressor() : undefined;
    const mapper = new Mapper({ transcoder, compressor, cipher });
    const event = await mapper.toDomainEvent({
      originatorId: vector.originator_id,
      originatorVersion: vector.originator_version,
      topic: vector.topic,
      state: fromHex(vector.state_hex),
    });
    expect(text(transcoder.encode(event.data))).toBe(vector.json);
    expect(await mapper.toDomainEvent(await mapper.toStoredEvent(event))).toEqual(event);
  });
});

describe('the platform', () => {
  test('a deflate bomb is refused at the size that was set', async () => {
    const bomb = await new ZlibCompressor().compress(new Uint8Array(5_000_000));
    const bounded = new ZlibCompressor({ decompressedBytesMax: 1_000_000 });
    await expect(bounded.decompress(bomb)).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
    expect(await new ZlibCompressor().decompress(bomb)).toHaveLength(5_000_000);
  });

  test('bytes that are cut short, foreign, or followed by more are refused', async () => {
    const compressor = new ZlibCompressor();
    const packed = await compressor.compress(new TextEncoder().encode('x'.repeat(1_000)));
    const damaged = [packed.slice(0, -2), Uint8Array.of(1, 2, 3), new Uint8Array(0)];
    for (const bytes of damaged) {
      await expect(compressor.decompress(bytes)).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
    }
    const cipher = await AESCipher.fromKey(AESCipher.createKey(16));
    const sealed = await cipher.encrypt(packed);
    sealed[40] = (sealed[40] as number) ^ 1;
    await expect(cipher.decrypt(sealed)).rejects.toMatchObject({ code: 'DECRYPTION_ERROR' });
  });

  test('AES-192 works, or is refused with a reason', async () => {
    try {
      const cipher = await AESCipher.fromKey(AESCipher.createKey(24));
      expect(await cipher.decrypt(await cipher.encrypt(Uint8Array.of(1)))).toEqual(Uint8Array.of(1));
    } catch (error) {
      expect(isEventSourcingError(error) && error.code).toBe('NOT_SUPPORTED');
      expect((error as Error).message).toContain('192');
    }
  });

  test('Temporal, where there is one, is written as Python writes it', () => {
    const { Temporal } = globalThis as { Temporal?: { Instant: { from(text: string): object } } };
    const at = DateTime.parse('2024-02-07T15:32:51.123456+01:00');
    if (Temporal === undefined) {
      expect(() => at.toTemporal()).toThrow(TypeError);
      return;
    }
    expect(text(transcoder.encode(at.toTemporal()))).toBe(text(transcoder.encode(at)));
    const instant = Temporal.Instant.from('2024-02-07T14:32:51.123456Z');
    expect(text(transcoder.encode(instant))).toContain('2024-02-07T14:32:51.123456+00:00');
    const naive = DateTime.parse('2024-02-07T15:32:51');
    expect(text(transcoder.encode(naive.toTemporal()))).toBe(text(transcoder.encode(naive)));
  });
});

test('a bomb is taken up to its limit, and not first and looked at then', async () => {
  let taken = 0;
  const Platform = DecompressionStream;
  vi.stubGlobal(
    'DecompressionStream',
    class {
      readonly writable: WritableStream<Uint8Array>;
      readonly readable: ReadableStream<Uint8Array>;

      constructor(format: CompressionFormat) {
        const counted = new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
          transform(chunk, controller) {
            taken += chunk.length;
            controller.enqueue(new Uint8Array(chunk));
          },
        });
        this.writable = counted.writable;
        this.readable = counted.readable.pipeThrough(new Platform(format));
      }
    },
  );
  onTestFinished(() => void vi.unstubAllGlobals());
  const compressor = new ZlibCompressor({ decompressedBytesMax: 1_000_000 });
  const bomb = await compressor.compress(new Uint8Array(100_000_000));
  expect(bomb.length).toBeGreaterThan(90_000);
  await expect(compressor.decompress(bomb)).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
  expect(taken).toBeLessThan(50_000);
});

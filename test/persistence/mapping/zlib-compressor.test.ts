import { afterEach, describe, expect, test, vi } from 'vitest';
import { DECOMPRESSED_BYTES_MAX_DEFAULT, ZlibCompressor } from '../../../src/persistence/mapping/zlib-compressor.js';

const text = new TextEncoder().encode('counted '.repeat(100));

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(['node:zlib', 'CompressionStream'])('zlib by %s', (means) => {
  async function make(): Promise<{ compressor: ZlibCompressor; compressed: Uint8Array }> {
    // As in a browser, where there is no built-in module.
    if (means === 'CompressionStream') vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    const compressor = new ZlibCompressor();
    return { compressor, compressed: await compressor.compress(text) };
  }

  test('gives back what it was given', async () => {
    const { compressor, compressed } = await make();
    expect(await compressor.decompress(compressed)).toEqual(text);
  });

  test('refuses what becomes too large, with an error of its own, and takes what just fits', async () => {
    const { compressed } = await make();
    const exact = new ZlibCompressor({ decompressedBytesMax: text.length });
    expect(await exact.decompress(compressed)).toEqual(text);
    const tight = new ZlibCompressor({ decompressedBytesMax: text.length - 1 });
    await expect(tight.decompress(compressed)).rejects.toMatchObject({
      code: 'DECOMPRESSION_ERROR',
      details: { decompressedBytesMax: text.length - 1 },
    });
  });

  test('refuses by default what a small bomb would become', async () => {
    const { compressor } = await make();
    const bomb = await compressor.compress(new Uint8Array(DECOMPRESSED_BYTES_MAX_DEFAULT + 1));
    expect(bomb.length).toBeLessThan(100_000);
    await expect(compressor.decompress(bomb)).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
  });

  test('gives back what is larger than what is streamed at once, and does not compress well', async () => {
    const { compressor } = await make();
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    expect(await compressor.decompress(await compressor.compress(noise))).toEqual(noise);
    expect(await compressor.decompress(await compressor.compress(new Uint8Array()))).toEqual(new Uint8Array());
  });

  test.each([Number.NaN, -1, 0, Infinity, 1.5, '5'])('refuses %s for a number of bytes', (decompressedBytesMax) => {
    expect(() => new ZlibCompressor({ decompressedBytesMax: decompressedBytesMax as number })).toThrow(
      /decompressedBytesMax/,
    );
  });

  test.each([
    ['with bytes after the end', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
    ['twice', (bytes: Uint8Array) => Uint8Array.of(...bytes, ...bytes)],
    ['cut short', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['of nothing', () => new Uint8Array()],
  ])('refuses what is stored %s', async (_how, change) => {
    const { compressor, compressed } = await make();
    await expect(compressor.decompress(change(compressed))).rejects.toMatchObject({ code: 'DECOMPRESSION_ERROR' });
  });
});

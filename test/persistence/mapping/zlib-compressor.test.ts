import { afterEach, describe, expect, test, vi } from 'vitest';
import { ZlibCompressor } from '../../../src/persistence/mapping/zlib-compressor.js';

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

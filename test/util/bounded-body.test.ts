import { expect, it, vi } from 'vitest';
import { boundedText } from '../../src/util/bounded-body.js';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const responseOf = (chunks: readonly Uint8Array<ArrayBuffer>[], cancel = vi.fn()): Response =>
  new Response(
    new ReadableStream({
      pull(controller): void {
        const chunk = chunks[at++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel,
    }),
  );
let at = 0;

it.each<[string, readonly string[], number, string, boolean]>([
  ['nothing', [], 5, '', true],
  ['less', ['ab', 'c'], 5, 'abc', true],
  ['as much', ['ab', 'cde'], 5, 'abcde', true],
  ['more, in the middle of a chunk', ['ab', 'cdef', 'gh'], 5, 'abcde', false],
  ['more, in one chunk', ['abcdefgh'], 5, 'abcde', false],
])('%s', async (_case, chunks, max, text, isWhole) => {
  at = 0;
  expect(await boundedText(responseOf(chunks.map(utf8)), max)).toEqual({ text, isWhole });
});

it('a character in two chunks is one, and half a character at the end is left out', async () => {
  at = 0;
  const bytes = utf8('aé');
  expect(await boundedText(responseOf([bytes.slice(0, 2), bytes.slice(2)]), 9)).toMatchObject({ text: 'aé' });
  at = 0;
  expect(await boundedText(responseOf([bytes, bytes]), 2)).toEqual({ text: 'a', isWhole: false });
});

it('the rest is let go of, and not waited for', async () => {
  at = 0;
  const cancel = vi.fn(() => new Promise<void>(() => undefined));
  await boundedText(responseOf([utf8('abc'), utf8('def'), utf8('ghi'), utf8('jkl')], cancel), 4);
  expect(cancel).toHaveBeenCalledTimes(1);
  expect(at).toBeLessThan(4);
});

it('a response without a body is an empty text', async () => {
  expect(await boundedText(new Response(null), 9)).toEqual({ text: '', isWhole: true });
});

/** Where bytes come from, whatever the platform calls it. */

/** Bytes that come once. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Bytes that are there, or are opened as often as they are asked for. */
export type ByteOpener = Blob | (() => ByteStream);

/** Reads bytes to their end. What gives them is told when nobody reads on. */
export async function* chunksOf(source: ByteOpener | ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  const opened = typeof source === 'function' ? source() : source instanceof Blob ? source.stream() : source;
  if (Symbol.asyncIterator in opened) {
    yield* opened as AsyncIterable<Uint8Array>;
    return;
  }
  // Streams of some browsers cannot be iterated.
  const reader = (opened as ReadableStream<Uint8Array>).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

/** A stream of what a generator gives: nothing is made before somebody asks for it. */
export function streamOf(
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await parts.return();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Bytes that cross the worker boundary when they are asked for, so that neither side gets ahead of the other. Streams
 * themselves cannot cross in every browser.
 *
 * @module
 */
import { transfer } from 'comlink';
import { onAbort } from '../../util/on-abort.js';

/** Gives bytes, a part at a time, at the other end of a Comlink proxy. */
export interface ByteSource {
  /** The next part, transferred; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
}

/** A source that lets go of what it holds when it is not read to its end. */
export interface CancellableByteSource extends ByteSource {
  cancel(): Promise<void>;
}

/** Gives a stream's bytes. */
export function sourceOf(reader: ReadableStreamDefaultReader<Uint8Array>): ByteSource {
  return {
    async next() {
      const { value, done } = await reader.read();
      // A copy: the buffer is the stream's, and may hold more than this.
      return done ? undefined : transferred(value.slice());
    },
  };
}

/**
 * Reads a source as a stream that reads nothing ahead.
 *
 * @param open - called when the stream is first read
 * @param signal - ends the stream with its reason
 */
export function streamOf(
  open: () => Promise<CancellableByteSource>,
  signal?: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let opening: Promise<CancellableByteSource> | undefined;
  const letGo = async (): Promise<void> => {
    await (await opening)?.cancel();
  };
  return new ReadableStream(
    {
      start(controller) {
        onAbort(signal, () => {
          controller.error(signal?.reason);
          void letGo().catch(() => undefined);
        });
      },
      async pull(controller) {
        opening ??= open();
        const bytes = await (await opening).next();
        if (signal?.aborted === true) return;
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
      },
      cancel: letGo,
    },
    { highWaterMark: 0 },
  );
}

/** Has bytes handed over instead of copied when they cross the worker boundary: this side loses all of their buffer. */
export function transferred(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return transfer(bytes, [bytes.buffer]);
}

/**
 * Reads an event stream as a server sends it. Source: Server-sent events, WHATWG HTML, section 9.2.6.
 *
 * Not `EventSource`: it sends no headers of its own, and so no token. What is read of the format is what the protocol
 * uses: events and data; ids and times to reconnect are passed over.
 *
 * @module
 */
import { LIVE_PAGE_BYTES_MAX } from '../protocol/index.js';
import { onAbort } from '../../util/on-abort.js';

/** What came. A comment is a sign of life. */
export type StreamMessage = 'comment' | { readonly event: string; readonly data: string };

// A line has a page in base64 at most; more is somebody else's.
const LINE_LENGTH_MAX = Math.ceil(LIVE_PAGE_BYTES_MAX / 3) * 4 + 100;

/**
 * @param signal - ends it as the end of the stream does
 * @returns the messages, until the stream ends. Leaving the loop lets go of the stream
 * @throws RangeError when a line has no end
 */
export async function* readEventStream(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<StreamMessage, void> {
  const decoder = new TextDecoder();
  let [rest, event, data] = ['', '', ''];
  for await (const chunk of chunksOf(body, signal)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new RangeError('a line of an event stream has no end');
    for (const line of lines) {
      if (line === '') {
        if (data !== '') yield { event: event === '' ? 'message' : event, data };
        [event, data] = ['', ''];
        continue;
      }
      const [name, value] = fieldOf(line);
      if (name === '') yield 'comment';
      else if (name === 'event') event = value;
      else if (name === 'data') data = data === '' ? value : `${data}\n${value}`;
    }
  }
}

/** Not by the stream's own iterator, which some browsers do not have. */
async function* chunksOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  // Not waited for: a stream may take its time to be let go. Whoever reads is told of the end at once.
  const letGo = (): void => void reader.cancel().catch(() => undefined);
  const ignore = onAbort(signal, letGo);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    ignore();
    letGo();
  }
}

function fieldOf(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
}

/**
 * A line by WebSocket, as the bytes of an event stream: each message is a piece of one.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { onAbort } from '../../util/on-abort.js';
import { headerProtocol, SOCKET_KEEP, SOCKET_PROTOCOL, UnavailableError } from '../protocol/index.js';

// As often as a server gives a sign of life on a stream.
const KEEP_MS = 20_000;

/** What a line is opened by. */
export interface SocketLineOptions {
  /** Its address, as of a request. */
  readonly url: string;
  readonly headers: Headers;
  readonly clock: Clock;
  /** Ends the line, too. */
  readonly signal: AbortSignal;
}

/** @throws UnavailableError (`UNAVAILABLE`) when there is none to be had: a page is not told why */
export async function openSocketLine({
  url,
  headers,
  clock,
  signal,
}: SocketLineOptions): Promise<ReadableStream<Uint8Array>> {
  signal.throwIfAborted();
  const offered = [...headers].map(([name, value]) => headerProtocol(name, value));
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [SOCKET_PROTOCOL, ...offered]);
  const close = (): void => socket.close();
  const ignore = onAbort(signal, close);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = socket.onclose = () => {
      ignore();
      reject(new UnavailableError('The server could not be reached by a WebSocket. It is asked for a stream.'));
    };
  });
  let callOff: () => void;
  const keep = (): void => {
    callOff = clock.schedule(keep, KEEP_MS);
    socket.send(SOCKET_KEEP);
  };
  const encoder = new TextEncoder();
  return new ReadableStream({
    start: (controller) => {
      keep();
      socket.onmessage = ({ data }) => controller.enqueue(encoder.encode(String(data)));
      socket.onerror = null;
      socket.onclose = () => {
        ignore();
        callOff();
        try {
          controller.close();
        } catch {
          // Who read it has gone.
        }
      };
    },
    cancel: close,
  });
}

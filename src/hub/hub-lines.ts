/**
 * Those who listen to a hub: by WebSockets, which the runtime keeps while the object sleeps, so that nothing is in memory for
 * them but what can be found out again.
 *
 * ```text
 * opened ──let in──▶ kept by the runtime, with its request and the end of what it was told
 *                       │  the log has moved: the object is awake
 *                       ▼
 *        let in once more, where the object has slept ──▶ may it still? ── no ──▶ closed
 *                       │ yes
 *                       ▼
 *                 a page, or the head
 * ```
 *
 * @module
 */
import { toHex } from '../persistence/sha256.js';
import type { Cursor } from '../persistence/unit.js';
import type { LiveLine, SyncServer } from '../server/index.js';
import { SOCKET_KEEP, SOCKET_PROTOCOL } from '../sync/protocol/index.js';
import { sha256Now } from '../util/sha256-now.js';
import { hubGlobals } from './hub-context.js';
import type { HubContext, HubSocket } from './hub-context.js';
import { isAllowedOrigin, lineRequestOf, toRequest } from './socket-handshake.js';
import type { LineRequest } from './socket-handshake.js';

// As an event stream has it.
const COMMENT = ': keep\n\n';
// For private use.
const ASK_AGAIN = 4_001;
// What the runtime keeps of a WebSocket is 16 KiB at most.
const ATTACHMENT_LENGTH_MAX = 15_000;

/** What is kept of a line. */
interface Attachment extends LineRequest {
  readonly after?: Cursor | undefined;
}

/** What {@link HubLines} needs. */
export interface HubLinesOptions {
  readonly context: HubContext;
  readonly server: SyncServer;
  /** The end of the log. */
  readonly readHead: () => Promise<number>;
  /** Of one subject. */
  readonly linesMax: number;
  readonly corsOrigins: readonly string[];
  readonly log: (message: string, error: unknown) => void;
}

/** Keeps lines, and tells on them. */
export class HubLines {
  readonly #options: HubLinesOptions;
  /** Of those that were let in since the object is awake. */
  readonly #lines = new Map<HubSocket, LiveLine>();
  #isTelling = false;
  #hasNews = false;

  constructor(options: HubLinesOptions) {
    this.#options = options;
    // Answered by the runtime: the object may sleep on.
    const { WebSocketRequestResponsePair } = hubGlobals();
    options.context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(SOCKET_KEEP, COMMENT));
  }

  /** How many there are, since before the object was awake, too. */
  get size(): number {
    return this.#options.context.getWebSockets().length;
  }

  /** Answers the opening of a WebSocket. */
  async open(request: Request): Promise<Response> {
    const { context, server, linesMax, corsOrigins } = this.#options;
    if (!isAllowedOrigin(request, corsOrigins)) return new Response(null, { status: 403 });
    const asked = lineRequestOf(request);
    if (asked === undefined || JSON.stringify(asked).length > ATTACHMENT_LENGTH_MAX) {
      return new Response(null, { status: 400 });
    }
    const line = await server.listen(toRequest(asked, request));
    if (line instanceof Response) return line;
    const tag = tagOf(line.subject);
    if (context.getWebSockets(tag).length >= linesMax) {
      return new Response(null, { status: 429, headers: { 'retry-after': '30' } });
    }
    const { 0: theirs, 1: ours } = new (hubGlobals().WebSocketPair)();
    context.acceptWebSocket(ours, [tag]);
    ours.serializeAttachment(asked);
    this.#lines.set(ours, line);
    ours.send(COMMENT);
    this.noteNews();
    return new Response(null, {
      status: 101,
      headers: { 'sec-websocket-protocol': SOCKET_PROTOCOL },
      // The runtime's own; other runtimes have no such option.
      ...({ webSocket: theirs } as ResponseInit),
    });
  }

  /** Takes that one is gone. */
  drop(socket: HubSocket): void {
    this.#lines.delete(socket);
  }

  /** Takes that the log may have moved: tells everybody, after whatever is being told. */
  noteNews(): void {
    this.#hasNews = true;
    if (!this.#isTelling) this.#options.context.waitUntil(this.#tellAll());
  }

  async #tellAll(): Promise<void> {
    const { context, readHead, log } = this.#options;
    this.#isTelling = true;
    while (this.#hasNews) {
      this.#hasNews = false;
      const sockets = context.getWebSockets();
      if (sockets.length === 0) break;
      try {
        const head = await readHead();
        await Promise.all(sockets.map((socket) => this.#tell(socket, head)));
      } catch (error) {
        // They hear of it with the next commit, and look by themselves once in a while.
        log('The end of the log could not be read for those who wait for it.', error);
      }
    }
    this.#isTelling = false;
  }

  async #tell(socket: HubSocket, head: number): Promise<void> {
    try {
      const line = this.#lines.get(socket) ?? (await this.#admitted(socket));
      const message = await line.tell(head);
      if (message !== undefined) socket.send(new TextDecoder().decode(message));
      socket.serializeAttachment({ ...(socket.deserializeAttachment() as Attachment), after: line.after });
    } catch {
      // Gone, or it may not listen any more. It comes again, and a request is told why it may not.
      this.#close(socket);
    }
  }

  /** Of one that was let in before the object slept. */
  async #admitted(socket: HubSocket): Promise<LiveLine> {
    const { after, ...asked } = socket.deserializeAttachment() as Attachment;
    const line = await this.#options.server.listen(toRequest(asked), after);
    if (line instanceof Response) throw new Error('not let in');
    this.#lines.set(socket, line);
    return line;
  }

  #close(socket: HubSocket): void {
    this.drop(socket);
    try {
      socket.close(ASK_AGAIN, 'Ask again.');
    } catch {
      // It is gone already.
    }
  }
}

/** A tag has 256 characters at most, and a subject may have more. */
function tagOf(subject: string): string {
  return toHex(sha256Now(new TextEncoder().encode(subject)));
}

/**
 * What is known of one request, for those who come to it after each other: the log of requests, limits, traces.
 *
 * @module
 */
import { randomUuid } from '../../util/random-uuid.js';
import type { Visitor } from './visitor.js';

/** The header by which whoever sends, or a proxy before the server, names a request; answers carry it too. */
export const REQUEST_ID_HEADER = 'x-request-id';

// As tracing systems make them. No spaces, quotes or line breaks: it stands in logs.
const REQUEST_ID = /^[A-Za-z0-9._:-]{8,64}$/;

/** What middleware leaves for those who come after it. */
export interface AccessEnv {
  readonly Bindings: {
    /** Of one whose line the host keeps: takes what is to be told, in the place of an answer. */
    listening?: unknown;
  };
  readonly Variables: {
    /** Of this request; set first of all. */
    record: RequestRecord;
    /** Who sends; set by the middleware of `authMiddleware`. */
    visitor: Visitor;
    /** Asks once more, of a stream that stays open: who it is now, `undefined` where the token is not good any more. */
    revisit: () => Promise<Visitor | undefined>;
  };
}

/** One request, from its arrival until its answer is sent or given up. */
export class RequestRecord {
  readonly id: string;
  readonly startedAtMs: number;
  /** Bytes of the body that were read, as they came; what it says of itself, where nobody has counted. */
  bytesIn: number;
  visitor: Visitor | undefined;
  replicaId: string | undefined;
  /** Of the error that it was answered with. */
  code: string | undefined;
  /** Says more than the code, to the operator only. */
  reason: string | undefined;
  bytesOut = 0;
  #isEnded = false;
  readonly #whenEnded: (() => void)[] = [];

  /** @param nowMs - of a clock that never goes back */
  constructor(request: Request, nowMs: number) {
    this.id = requestId(request.headers.get(REQUEST_ID_HEADER));
    this.startedAtMs = nowMs;
    this.bytesIn = claimedBytes(request);
  }

  /** Calls back when the last byte of the answer is sent, or nobody wants it any more; at once when that was before. */
  onEnd(callback: () => void): void {
    if (this.#isEnded) callback();
    else this.#whenEnded.push(callback);
  }

  /** Whether somebody wants to know when it ends. */
  get isWatched(): boolean {
    return this.#whenEnded.length > 0;
  }

  /** Ends it; only the first time counts. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const callback of this.#whenEnded) callback();
  }
}

/** What a request says that it has, 0 where it says nothing: a claim. */
export function claimedBytes(request: Request): number {
  const claimed = Number(request.headers.get('content-length'));
  return Number.isSafeInteger(claimed) && claimed > 0 ? claimed : 0;
}

function requestId(sent: string | null): string {
  return sent !== null && REQUEST_ID.test(sent) ? sent : randomUuid();
}

/**
 * Counts what is sent of an answer, and ends the record with it.
 *
 * @returns the answer to give instead
 */
export function counted(response: Response, record: RequestRecord): Response {
  if (response.body === null) {
    record.end();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { value } = await reader.read();
        if (value === undefined) {
          record.end();
          controller.close();
          return;
        }
        record.bytesOut += value.byteLength;
        controller.enqueue(value);
      } catch (error) {
        record.end();
        controller.error(error);
      }
    },
    async cancel(reason) {
      record.end();
      await reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

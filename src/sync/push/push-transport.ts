/**
 * The push of the first protocol over HTTP.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { ServerRequests } from '../exchange/server-requests.js';
import type { GetToken } from '../exchange/server-requests.js';
import { parseJson, parsePushResponse, PROTOCOL_VERSION, PUSH_PATH } from '../protocol/index.js';
import type { PushRequest, PushResponse } from '../protocol/index.js';

// Of an answer; the server's are shorter.
const ANSWER_BYTES_MAX = 1_048_576;

/** What {@link PushTransport} needs. */
export interface PushTransportOptions {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** @defaultValue none */
  readonly getToken?: GetToken | undefined;
  readonly clock: Clock;
}

/** What a push goes through. */
export type Transport = Pick<PushTransport, 'push'>;

/** Sends push requests to one server. */
export class PushTransport {
  readonly #requests: ServerRequests;

  constructor(options: PushTransportOptions) {
    // Servers of this version unpack nothing.
    this.#requests = new ServerRequests({ ...options, version: PROTOCOL_VERSION, isGzipTaken: false });
  }

  /**
   * Pushes one batch.
   *
   * @throws as {@link ServerRequests.send}; where the server refused, the batch was not recorded
   */
  async push(request: PushRequest, signal: AbortSignal): Promise<PushResponse> {
    return await this.#requests.send(
      {
        path: PUSH_PATH,
        mediaType: 'application/json',
        body: JSON.stringify(request),
        isAlone: request.events.length === 1,
        answerBytesMax: ANSWER_BYTES_MAX,
        read: (answer) => parsePushResponse(parseJson(answer)),
      },
      signal,
    );
  }
}

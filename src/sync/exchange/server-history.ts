/**
 * Asks a server for the history of aggregates: for what lets it leave a store, and for who wants to read it all the same.
 *
 * @module
 */
import { unpackEvents } from '../../persistence/event-batch.js';
import type { HistoryQuestion } from '../../persistence/history-digest.js';
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import {
  DIGESTS_MAX,
  LIMITS_LEAST,
  parseDigestsAnswer,
  parseJson,
  PATHS,
  PROTOCOL_2_VERSION,
  REPLICA_HEADER,
  UnavailableError,
} from '../protocol/index.js';
import { ServerRequests } from './server-requests.js';
import type { GetToken } from './server-requests.js';
import { validateText, ORIGINATOR_ID_LENGTH_MAX } from '../../persistence/validation.js';

const JSON_MEDIA_TYPE = 'application/json';
// One unit, however large, has to come through.
const ANSWER_BYTES_MAX = 67_108_864;

/** Options of {@link serverHistory}. */
export interface ServerHistoryOptions {
  /** As in `startSync`. */
  readonly url: string;
  /** As in `startSync`. @defaultValue none */
  readonly tenant?: string;
  /** The id of the store: `daybook.replicaId`. */
  readonly replicaId: string;
  /** As in `startSync`. @defaultValue no token */
  readonly getToken?: GetToken;
  /** @defaultValue the platform's */
  readonly fetch?: typeof globalThis.fetch;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** The history that a server has. Each call rejects as a request of `startSync` fails: `UNAVAILABLE`, `FORBIDDEN`, … */
export interface ServerHistory {
  /** For `Application.truncateHistory`. */
  readonly digests: (
    questions: readonly HistoryQuestion[],
    signal?: AbortSignal,
  ) => Promise<readonly (string | undefined)[]>;
  /** For the option `olderEvents` of an `Application`. Fewer than were asked for, where the server does not have them. */
  readonly olderEvents: (
    originatorId: OriginatorId,
    upTo: number,
    signal?: AbortSignal,
  ) => Promise<readonly StoredEvent[]>;
}

/**
 * Asks a server for what has left a store, or is about to.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the address is none
 *
 * @example
 * ```ts
 * const { digests, olderEvents } = serverHistory({ url: '/sync', replicaId: daybook.replicaId, getToken });
 * const app = new Application({ recorder: daybook.recorder, aggregates: [order], olderEvents });
 * await app.truncateHistory({ digests });
 * ```
 */
export function serverHistory({ tenant, replicaId, ...options }: ServerHistoryOptions): ServerHistory {
  validateText('replicaId', replicaId, ORIGINATOR_ID_LENGTH_MAX);
  const requests = new ServerRequests({
    ...{ url: options.url, getToken: options.getToken, clock: options.clock ?? systemClock },
    // Called with nothing before it, as the platform wants it.
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    ...{ version: PROTOCOL_2_VERSION, isGzipTaken: true, headers: { [REPLICA_HEADER]: replicaId } },
  });
  const prefix = `/v${PROTOCOL_2_VERSION}${tenant === undefined ? '' : `/t/${encodeURIComponent(tenant)}`}`;
  const never = new AbortController().signal;
  const ask = async <T>(
    path: string,
    question: object,
    read: (answer: Uint8Array<ArrayBuffer>) => T | undefined,
    signal: AbortSignal = never,
  ): Promise<T> => {
    const body = JSON.stringify(question);
    const shape = { mediaType: JSON_MEDIA_TYPE, isAlone: false, answerBytesMax: ANSWER_BYTES_MAX };
    return await requests.send({ path: prefix + path, body, read, ...shape }, signal);
  };
  return {
    async digests(questions, signal) {
      const digests: (string | undefined)[] = [];
      for (let at = 0; at < questions.length; at += DIGESTS_MAX) {
        const some = questions.slice(at, at + DIGESTS_MAX);
        const aggregates = some.map(({ originatorId, after, digest, upTo }) => [originatorId, after, digest, upTo]);
        const read = (bytes: Uint8Array): ReturnType<typeof parseDigestsAnswer> => parseDigestsAnswer(parseJson(bytes));
        const answer = await ask(PATHS.digests, { aggregates }, read, signal);
        if (answer.length !== some.length) {
          throw new UnavailableError('The server has answered something else than it was asked. Ask it again.');
        }
        for (const digest of answer) digests.push(digest);
      }
      return digests;
    },
    async olderEvents(originatorId, upTo, signal) {
      const events: StoredEvent[] = [];
      const { events: eventsMax, bytes: bytesMax } = LIMITS_LEAST;
      for (let after = 0; after < upTo;) {
        const question = { id: originatorId, after, upTo, events: eventsMax, bytes: bytesMax };
        const more = await ask(PATHS.history, question, unpackEvents, signal);
        if (more.length === 0) break;
        for (const event of more) events.push(event);
        after = more.at(-1)?.originatorVersion ?? upTo;
      }
      return events;
    },
  };
}

/**
 * The push protocol, version 1: how a replica's events get to the server. Pure: no network, no database.
 *
 * ```text
 * POST {base}/v1/push
 * Authorization: Bearer <token>     Daybook-Protocol: 1     Content-Type: application/json
 * { "replicaId": "<uuid>", "after": 118,
 *   "events": [ { "id": 119, "originatorId": "<uuid>", "originatorVersion": 7, "topic": "…", "state": "<base64>" } ] }
 *
 * 200  { "tracking": { "id": 121 }, "head": 90112 }                      everything up to `tracking.id` is recorded
 * 4xx  { "error": { "name": "…", "code": "…", "message": "…", "details": { … } } }   nothing was recorded
 * ```
 *
 * Every answer of the server carries `Daybook-Protocol: 1`; one without it is not the server's (a captive portal's,
 * a proxy's) and decides nothing. Messages are extended by new *optional* fields only; both sides ignore what they do not know.
 *
 * | status | code | what the replica does |
 * |---|---|---|
 * | 200 | – | remembers `tracking.id`, goes on |
 * | 400 | `INVALID_REQUEST` | stops and says so: a bug, or an incompatible version |
 * | 401 | `UNAUTHORIZED` | asks for a new token, then says so |
 * | 403 | `FORBIDDEN` | stops and says so |
 * | 409 | `INTEGRITY_ERROR` | a position in an aggregate is taken by another replica: stops and says so |
 * | 409 | `DUPLICATE_EVENT` | an event id is taken by another event: stops and says so |
 * | 409 | `REPLICA_DIVERGED` | what was recorded under these ids is not what was sent: stops and says so |
 * | 409 | `SERVER_BEHIND` | the server lost what it had confirmed; `details.trackingId` is where it stands |
 * | 413 | `TOO_LARGE` | sends less at once |
 * | 426 | `UPGRADE_REQUIRED` | stops and says so |
 * | 429, 503 | `UNAVAILABLE` | tries again, not before `Retry-After` |
 * | anything else | – | tries again |
 *
 * @module
 */
import * as v from 'valibot';
import type { Notification } from '../../persistence/stored-event.js';
import { isStorableText, STATE_BYTES_MAX, TOPIC_LENGTH_MAX } from '../../persistence/validation.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import { isCanonicalUuid } from '../../util/uuid-bytes.js';

/** Name and value of the header that every message and every answer carries. */
export const PROTOCOL_HEADER = 'daybook-protocol';
/** The one version there is so far. */
export const PROTOCOL_VERSION = '1';
/** Path of the push, below the server's base address. */
export const PUSH_PATH = '/v1/push';

/** Events in one request: one PostgreSQL transaction each, so this bounds how long the table lock is held. */
export const PUSH_EVENTS_MAX = 500;
/** Bytes of one request's body, uncompressed. */
export const PUSH_BODY_BYTES_MAX = 1_048_576;

// Source: RFC 6750, section 2.1.
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const uuidSchema = v.pipe(v.string(), v.check(isCanonicalUuid, 'must be a UUID in canonical form'));
const idSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const pushEventSchema = v.object({
  id: idSchema,
  originatorId: uuidSchema,
  originatorVersion: countSchema,
  topic: v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(TOPIC_LENGTH_MAX),
    v.check(isStorableText, 'must be storable text'),
  ),
  state: v.pipe(
    v.string(),
    v.maxLength(Math.ceil(STATE_BYTES_MAX / 3) * 4, `state is larger than ${STATE_BYTES_MAX} bytes`),
    v.regex(BASE64, 'must be base64'),
  ),
});

/** The body of a push. */
export interface PushRequest {
  readonly replicaId: string;
  /** The last id that the server confirmed to this replica; 0 at first. */
  readonly after: number;
  /** At least one; ids increase strictly, and the first is greater than `after`. */
  readonly events: readonly PushEvent[];
}

/** An event on the wire. */
export interface PushEvent {
  readonly id: number;
  readonly originatorId: string;
  readonly originatorVersion: number;
  readonly topic: string;
  /** In base64. */
  readonly state: string;
}

/** The body of a 200 answer. */
export interface PushResponse {
  /** Everything of this replica up to this id is recorded. */
  readonly tracking: { readonly id: number };
  /** The server's largest notification id. */
  readonly head: number;
}

/** Checks the body of a push. */
export const pushRequestSchema: v.GenericSchema<PushRequest> = v.pipe(
  v.object({
    replicaId: uuidSchema,
    after: countSchema,
    events: v.pipe(v.array(pushEventSchema), v.minLength(1), v.maxLength(PUSH_EVENTS_MAX)),
  }),
  v.check(
    ({ after, events }) => events.every((event, index) => event.id > (events[index - 1]?.id ?? after)),
    'ids must increase strictly, from `after` on',
  ),
);

const pushResponseSchema: v.GenericSchema<PushResponse> = v.object({
  tracking: v.object({ id: idSchema }),
  head: countSchema,
});

/** Whether a value can stand as a token in the header `Authorization`. */
export function isBearerToken(value: unknown): value is string {
  return typeof value === 'string' && BEARER_TOKEN.test(value);
}

/** Puts notifications of the local application sequence on the wire. */
export function toPushRequest(replicaId: string, after: number, notifications: readonly Notification[]): PushRequest {
  return {
    replicaId,
    after,
    events: notifications.map(({ state, ...rest }) => ({ ...rest, state: toBase64(state) })),
  };
}

/** Takes notifications off the wire, with the ids that they have at the replica. */
export function fromPushRequest(request: PushRequest): Notification[] {
  return request.events.map(({ state, ...rest }) => ({ ...rest, state: fromBase64(state) }));
}

/** The answer as what a 200 says, or undefined when it is not that. */
export function parsePushResponse(answer: unknown): PushResponse | undefined {
  const parsed = v.safeParse(pushResponseSchema, answer);
  return parsed.success ? parsed.output : undefined;
}

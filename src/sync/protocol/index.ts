/**
 * The wire: messages, limits and errors that replicas and servers share.
 *
 * @module
 */
export {
  fromPushRequest,
  isBearerToken,
  parseErrorResponse,
  parsePushResponse,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
  PUSH_BODY_BYTES_MAX,
  PUSH_EVENTS_MAX,
  PUSH_PATH,
  pushRequestSchema,
  toPushRequest,
} from './push-messages.js';
export type { HealDecision, PushAnswer, PushDecision } from './exchange-messages.js';
export {
  GZIP_RATIO_MAX,
  LIMITS_DEFAULT,
  LIMITS_HEADER,
  LIMITS_LEAST,
  PROTOCOL_2_HEADER,
  PROTOCOL_2_VERSION,
  REPLICA_HEADER,
  UNITS_MEDIA_TYPE,
} from './protocol.js';
export type { SyncLimits } from './protocol.js';
export type { PushEvent, PushRequest, PushResponse } from './push-messages.js';
export {
  CursorUnknownError,
  ForbiddenError,
  InvalidRequestError,
  ReplicaDivergedError,
  ServerBehindError,
  SYNC_ERRORS,
  SyncError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
  UpgradeRequiredError,
} from './sync-errors.js';

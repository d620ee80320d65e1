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
export type { PushEvent, PushRequest, PushResponse } from './push-messages.js';
export {
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

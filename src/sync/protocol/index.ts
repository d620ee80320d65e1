/**
 * The wire: messages, limits and errors that replicas and servers share.
 *
 * @module
 */
export {
  parseCommonAnswer,
  parseDigestsAnswer,
  parseErrorAnswer,
  parseHealAnswer,
  parseJson,
  parsePushAnswer,
  toHealAnswer,
  toPushAnswer,
} from './exchange-messages.js';
export type { HealAnswer, HealDecision, PushAnswer, PushDecision } from './exchange-messages.js';
export {
  APP_HEADER,
  APP_LABEL,
  CURSOR_LENGTH_MAX,
  DIGESTS_MAX,
  EVENTS_MEDIA_TYPE,
  FOLLOWS_HEADER,
  formatLimits,
  headerProtocol,
  GZIP_RATIO_MAX,
  HELD_MAX,
  isBearerToken,
  isFairGzip,
  LIMITS_DEFAULT,
  LIMITS_HEADER,
  LIMITS_LEAST,
  LIVE_PAGE_BYTES_MAX,
  LIVE_PAGES,
  MARKS_MAX,
  parseLimits,
  PATHS,
  PROTOCOL_1_VERSION,
  PROTOCOL_2_VERSION,
  PROTOCOL_HEADER,
  REPLICA_HEADER,
  SOCKET_KEEP,
  SOCKET_PROTOCOL,
  SOCKETS_STATED,
  statesSockets,
  UNITS_MEDIA_TYPE,
} from './protocol.js';
export type { SyncLimits } from './protocol.js';
export {
  CursorUnknownError,
  ForbiddenError,
  InvalidRequestError,
  PendingUnitsError,
  ScopesChangedError,
  SetAsideError,
  StuckError,
  SubjectMismatchError,
  SYNC_ERRORS,
  SyncError,
  TooLargeError,
  UnauthorizedError,
  UnavailableError,
  UpgradeRequiredError,
} from './sync-errors.js';

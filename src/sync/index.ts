/**
 * Synchronisation: keeps a store and a server's log in agreement, both ways.
 *
 * @module
 */
export { DuplicateEventError } from '../persistence/duplicate-event-error.js';
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
} from './protocol/index.js';
export type { Direction } from './exchange/exchange-work.js';
export type { UnitDecider } from './exchange/page-intake.js';
export type { Receipt, ReceiptOptions } from './exchange/unit-receipts.js';
export { serverHistory } from './exchange/server-history.js';
export type { ServerHistory, ServerHistoryOptions } from './exchange/server-history.js';
export type { GetToken } from './exchange/server-requests.js';
export type { HistoryQuestion } from '../persistence/history-digest.js';
export { startSync } from './tabs/start-sync.js';
export type { SignOutOptions, StartSyncOptions, Sync } from './tabs/start-sync-options.js';
export type { SyncState, SyncStatus } from './sync-status.js';
export type { SyncStore } from './sync-store.js';
export type { Observable } from '../util/observable.js';
export type { Clock } from '../util/clock.js';
export type { WakeSources } from '../origin/wake-sources.js';

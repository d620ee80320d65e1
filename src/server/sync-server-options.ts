/**
 * What a sync server is told by its operator.
 *
 * @module
 */
import { LIMITS_LEAST } from '../sync/protocol/index.js';
import type { SyncLimits } from '../sync/protocol/index.js';
import type { HeadNews, ListenPlainly } from './live/head-news.js';
import type { UnitLog } from './log/unit-log.js';
import { checkFunction, checkSwitch, checkWhole, optionRefused } from './operator/option-checks.js';
import { checkFrontOptions } from './server-front.js';
import type { ServerFrontOptions } from './server-front.js';
import { checkAuthorityOptions } from './unit-authority.js';
import type { UnitAuthorityOptions } from './unit-authority.js';

const LOG_METHODS = ['push', 'page', 'common', 'heal', 'head'] as const;

/** The logs of tenants: opens one for as long as it is used. `TenantLogs` is one. */
export interface TenantUnitLogs {
  /** @throws ForbiddenError (`FORBIDDEN`) where there is no such tenant */
  use<T>(tenant: string, work: (log: UnitLog) => Promise<T>): Promise<T>;
}

/** What was recorded by one push. */
export interface RecordedPush {
  /** Empty where there is one log. */
  readonly tenant: string;
  readonly replicaId: string;
  /** Units that are new, 1 or more. */
  readonly units: number;
  /** Of these units. */
  readonly events: number;
  /** The position of the end of the log. */
  readonly head: number;
}

/** Options of {@link createSyncServer}. `tokens`, `jwt`, `verifyToken` or `allowAnonymous` says who may come in. */
export interface SyncServerOptions extends ServerFrontOptions, UnitAuthorityOptions {
  /** The log; or, where there are several tenants, their logs. Lent, not owned. */
  readonly unitLog: UnitLog | TenantUnitLogs;
  /**
   * Whether the database works: rejects when it does not.
   *
   * @defaultValue asks the log; with those of several tenants, nothing is asked
   */
  readonly probe?: (() => Promise<unknown>) | undefined;
  /** What one request may have. Each at least as much as every server takes. @defaultValue `LIMITS_DEFAULT` */
  readonly syncLimits?: Partial<SyncLimits> | undefined;
  /**
   * Listens to news of a log that other processes record, so that those who follow it here hear of them at once. A hint:
   * the log is looked at every two seconds while anybody follows it.
   *
   * @returns stops the calls
   * @defaultValue the log is looked at
   */
  readonly listen?: ListenPlainly | undefined;
  /**
   * Tells other servers of the same logs what is recorded here, and hears what they tell: where nothing tells it for them, as
   * PostgreSQL's `NOTIFY` does. `NatsHeadNews` of `daybook/nats` is one. Lent, not owned.
   *
   * @defaultValue nobody is told
   */
  readonly news?: HeadNews | undefined;
  /**
   * Whether the host takes WebSockets at `…/live`, and answers them by {@link SyncServer.listen}: devices are told so.
   *
   * @defaultValue false: lines are event streams
   */
  readonly sockets?: boolean | undefined;
  /** Called after a push recorded something. Nobody waits for it; what it throws, or rejects with, is logged. */
  readonly onRecorded?: ((push: RecordedPush) => void) | undefined;
}

/**
 * Checks the options of a server, but for its log and what needs it: hosts do before they start a database for nothing.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may come in, or when an option is not what it should
 *   be
 */
export function checkHandlerOptions(options: Omit<SyncServerOptions, 'unitLog' | 'probe'>): void {
  checkFunction('onRecorded', options.onRecorded);
  checkFunction('listen', options.listen);
  checkNews(options.news);
  checkSwitch('sockets', options.sockets);
  checkAuthorityOptions(options);
  const { syncLimits = {} } = options;
  if (typeof (syncLimits as unknown) !== 'object') throw optionRefused('syncLimits', 'an object');
  for (const [name, least] of Object.entries(LIMITS_LEAST)) {
    checkWhole(`syncLimits.${name}`, syncLimits[name as keyof SyncLimits], least as number, 2 ** 31 - 1);
  }
  checkFrontOptions(options);
}

function checkNews(news: unknown): void {
  if (news === undefined) return;
  const { announce, listen } = (news ?? {}) as Partial<Readonly<Record<keyof HeadNews, unknown>>>;
  if (typeof announce !== 'function' || typeof listen !== 'function') {
    throw optionRefused('news', 'an object that has announce and listen');
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkServerOptions(options: SyncServerOptions): void {
  const log = options.unitLog as unknown as Readonly<Record<string, unknown>> | undefined;
  const methods = typeof log?.['use'] === 'function' ? [] : LOG_METHODS;
  if (methods.some((method) => typeof log?.[method] !== 'function')) {
    throw optionRefused('unitLog', 'a log of units, or the logs of tenants');
  }
  checkFunction('probe', options.probe);
  checkHandlerOptions(options);
}

export function isOfTenants(unitLog: UnitLog | TenantUnitLogs): unitLog is TenantUnitLogs {
  return 'use' in unitLog;
}

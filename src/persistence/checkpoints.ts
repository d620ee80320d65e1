/**
 * How far subscriptions of the caller's own are: projections and processes keep that by themselves.
 *
 * @module
 */
import type { CallOptions } from './heed-signal.js';
import type { NotificationId } from './stored-event.js';
import { validateInteger, validateText } from './validation.js';

const TEXT_LENGTH_MAX = 200;

/** What a subscription has taken last. */
export interface ReachedPosition {
  /** The id of its last notification: follow it up by `subscribe({ gt: position })`. */
  readonly position: NotificationId;
  /** The id of the event there, by which a log that was restored or replaced can be told. @defaultValue not known */
  readonly eventId?: string | undefined;
  /** @defaultValue not known */
  readonly eventType?: string | undefined;
}

/** What is kept of a subscription. */
export interface SubscriptionCheckpoint extends ReachedPosition {
  readonly subscriptionId: string;
  readonly savedAt: Date;
}

/** The connection of a transaction, as every engine with SQL lends it. */
export interface CheckpointConnection {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/** Options of {@link Checkpoints.save}. */
export interface SaveCheckpointOptions extends CallOptions {
  /**
   * The connection of a transaction: what the subscription has done there and how far it is are committed together, so that
   * each notification counts once. In SQL only.
   *
   * @defaultValue a transaction of its own: after a crash, what was done since the last save is done again
   */
  readonly connection?: CheckpointConnection | undefined;
}

/** Keeps how far subscriptions are. */
export interface Checkpoints {
  /**
   * Keeps a position; saving it again changes nothing. Positions only move forward: of several programs that follow under one
   * id, the one that is behind takes nothing back.
   *
   * @param subscriptionId - 1 to 200 characters
   * @returns whether it is further than what was kept
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the position is no positive integer, or a text is none
   */
  save(subscriptionId: string, reached: ReachedPosition, options?: SaveCheckpointOptions): Promise<boolean>;
  /** What is kept of a subscription; `undefined` when nothing is. */
  find(subscriptionId: string, options?: CallOptions): Promise<SubscriptionCheckpoint | undefined>;
  /** The position of a subscription; 0 when nothing is kept. */
  position(subscriptionId: string, options?: CallOptions): Promise<NotificationId>;
  /** How many notifications the log is ahead of a subscription, at most: ids may have gaps. */
  lag(subscriptionId: string, options?: CallOptions): Promise<number>;
  /** All that are kept, by their ids. */
  list(options?: CallOptions): Promise<readonly SubscriptionCheckpoint[]>;
  /**
   * Forgets a position: the subscription begins at the first event again.
   *
   * @returns whether there was one
   */
  reset(subscriptionId: string, options?: SaveCheckpointOptions): Promise<boolean>;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot be kept on every engine */
export function validateSubscriptionId(subscriptionId: string): void {
  validateText('subscriptionId', subscriptionId, TEXT_LENGTH_MAX);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot be kept on every engine */
export function validateReached({ position, eventId, eventType }: ReachedPosition): void {
  validateInteger('position', position, 1);
  if (eventId !== undefined) validateText('eventId', eventId, TEXT_LENGTH_MAX);
  if (eventType !== undefined) validateText('eventType', eventType, TEXT_LENGTH_MAX);
}

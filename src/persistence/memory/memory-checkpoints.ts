import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { validateReached, validateSubscriptionId } from '../checkpoints.js';
import type { Checkpoints, ReachedPosition, SaveCheckpointOptions, SubscriptionCheckpoint } from '../checkpoints.js';
import { NotSupportedError } from '../errors.js';
import { throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { ApplicationRecorder } from '../recorder.js';
import type { NotificationId } from '../stored-event.js';

/** Options of {@link MemoryCheckpoints}. */
export interface MemoryCheckpointsOptions {
  /** What is followed, for the lag. */
  readonly recorder: Pick<ApplicationRecorder, 'maxNotificationId'>;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** Keeps positions in memory: they are gone with the program. */
export class MemoryCheckpoints implements Checkpoints {
  readonly #options: MemoryCheckpointsOptions;
  readonly #kept = new Map<string, SubscriptionCheckpoint>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(options: MemoryCheckpointsOptions) {
    this.#options = options;
  }

  async save(
    subscriptionId: string,
    { position, eventId, eventType }: ReachedPosition,
    options: SaveCheckpointOptions = {},
  ): Promise<boolean> {
    validateSubscriptionId(subscriptionId);
    validateReached({ position, eventId, eventType });
    refuseConnection(options);
    if (position <= (this.#kept.get(subscriptionId)?.position ?? 0)) return false;
    const savedAt = new Date((this.#options.clock ?? systemClock).nowMs());
    this.#kept.set(subscriptionId, { subscriptionId, position, eventId, eventType, savedAt });
    return true;
  }

  async find(subscriptionId: string, { signal }: CallOptions = {}): Promise<SubscriptionCheckpoint | undefined> {
    validateSubscriptionId(subscriptionId);
    throwIfAborted(signal);
    return this.#kept.get(subscriptionId);
  }

  async position(subscriptionId: string, options?: CallOptions): Promise<NotificationId> {
    return (await this.find(subscriptionId, options))?.position ?? 0;
  }

  async lag(subscriptionId: string, options?: CallOptions): Promise<number> {
    const position = await this.position(subscriptionId, options);
    return Math.max(0, (await this.#options.recorder.maxNotificationId(options)) - position);
  }

  async list({ signal }: CallOptions = {}): Promise<readonly SubscriptionCheckpoint[]> {
    throwIfAborted(signal);
    return [...this.#kept.values()].sort((a, b) => (a.subscriptionId < b.subscriptionId ? -1 : 1));
  }

  async reset(subscriptionId: string, options: SaveCheckpointOptions = {}): Promise<boolean> {
    validateSubscriptionId(subscriptionId);
    refuseConnection(options);
    return this.#kept.delete(subscriptionId);
  }
}

function refuseConnection({ connection, signal }: SaveCheckpointOptions): void {
  throwIfAborted(signal);
  if (connection === undefined) return;
  throw new NotSupportedError('Positions in memory take part in no transaction. Nothing was stored.');
}

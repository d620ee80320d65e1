/**
 * The recorder that lives in the worker, as the main thread sees it.
 *
 * @module
 */
import { transfer } from 'comlink';
import type { Remote } from 'comlink';
import { packEvents, unpackEvents, unpackNotifications } from '../persistence/event-batch.js';
import { heeding, throwIfAborted, workUnlessAborted } from '../persistence/heed-signal.js';
import type { CallOptions } from '../persistence/heed-signal.js';
import type { RebaseTransaction } from '../persistence/rebase-transaction.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { PastEvents } from '../persistence/past.js';
import type {
  EditionRecorder,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../persistence/recorder.js';
import { SQLITE_DIALECT } from '../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { follow } from '../persistence/subscription.js';
import type { FollowOptions, OnRecorded, Subscription } from '../persistence/subscription.js';
import { withEnds } from '../persistence/transaction-ends.js';
import { validateEvents } from '../persistence/validation.js';
import { packPage, unpackLostUnits, unpackPendingUnits } from '../persistence/unit-batch.js';
import type { AggregateBase, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../persistence/unit.js';
import type {
  DecidedUnit,
  Superseded,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  SyncProgress,
  TruncateOptions,
  Truncation,
  UnitLimits,
  UnitStanding,
} from '../persistence/unit-recorder.js';
import type { ChangeListener } from '../persistence/store-changes.js';
import type { Listeners } from '../util/listeners.js';
import type { CommitOptions, DaybookInsertOptions, DaybookRecorder } from '../host/protocol/daybook-recorder.js';
import type { StoreHost, TransactionEnd } from '../host/protocol/store-host.js';
import { changesBehind } from './changes-behind.js';
import type { WorkerLink } from './worker-link.js';

const TRANSACTION: RecorderSupport = { notifications: true, tracking: true, transactions: true, editions: true };

/** The recorder at the other end of a {@link WorkerLink}; or one of its transactions. */
class RemoteRecorder implements TransactionalRecorder<SqlQueryable>, EditionRecorder {
  readonly supports: RecorderSupport = TRANSACTION;
  readonly #link: WorkerLink;
  readonly #token: number | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param token - of the transaction that every call belongs to */
  constructor(link: WorkerLink, token?: number) {
    this.#link = link;
    this.#token = token;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options: DaybookInsertOptions = {},
  ): Promise<readonly NotificationId[]> {
    // Here already, because what is malformed cannot be packed; everything else is checked in the worker.
    validateEvents(events);
    const packed = packEvents(events);
    const { tracking, durability, unit, decidedOn, signal } = options;
    // A signal does not cross, and from the crossing on nobody here knows how far it is.
    throwIfAborted(signal);
    return this.#link.call((host) =>
      host.insertEvents(transfer(packed, [packed.buffer]), {
        tracking,
        durability,
        unit,
        decidedOn,
        token: this.#token,
      }),
    );
  }

  async selectEvents(
    originatorId: OriginatorId,
    { signal, ...options }: SelectEventsOptions = {},
  ): Promise<readonly StoredEvent[]> {
    return unpackEvents(await this.#ask((host) => host.selectEvents(originatorId, options, this.#token), signal));
  }

  async selectPast(originatorId: OriginatorId, { signal, ...options }: SelectEventsOptions = {}): Promise<PastEvents> {
    const past = await this.#ask((host) => host.selectPast(originatorId, options, this.#token), signal);
    const { packedEvents, ...rest } = past;
    return { events: unpackEvents(packedEvents), ...rest };
  }

  async selectNotifications({ signal, ...options }: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return unpackNotifications(await this.#ask((host) => host.selectNotifications(options, this.#token), signal));
  }

  async maxNotificationId({ signal }: CallOptions = {}): Promise<NotificationId> {
    return this.#ask((host) => host.maxNotificationId(this.#token), signal);
  }

  /** Runs SQL: in the transaction, or reading outside of any. */
  async query(text: string, values: readonly unknown[] = []): Promise<SqlResult> {
    return this.#link.call((host) => host.query(text, values, this.#token));
  }

  async maxTrackingId(applicationName: string, { signal }: CallOptions = {}): Promise<NotificationId> {
    return this.#ask((host) => host.maxTrackingId(applicationName, this.#token), signal);
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName, options));
  }

  async transaction<T>(
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>,
    { signal, ...options }: CommitOptions & CallOptions = {},
  ): Promise<T> {
    return await heeding(signal, (begin) => this.#transaction(workUnlessAborted(signal, begin, work), options));
  }

  async #transaction<T>(
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>,
    options: CommitOptions,
  ): Promise<T> {
    let token = await this.#link.call((host) => host.beginTransaction(this.#token, options));
    for (;;) {
      const result = await this.#attempt(work, token);
      const end = await this.#link.call<TransactionEnd>((host) => host.commitTransaction(token));
      if (end.outcome === 'committed') return result;
      // A token of its own, so that what the run before left behind is refused.
      ({ token } = end);
    }
  }

  /** Asks what changes nothing. A signal does not cross: what was asked is answered to nobody then. */
  async #ask<T>(ask: (host: Remote<StoreHost>) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return await heeding(signal, () => this.#link.call(ask));
  }

  async #attempt<T>(work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>, token: number): Promise<T> {
    try {
      return await work(new RemoteTransaction(this.#link, token));
    } catch (error) {
      // It rejects if the transaction had ended by itself: then that is why the work failed.
      await this.#link.call((host) => host.rollBackTransaction(token));
      throw error;
    }
  }
}

/** A {@link DaybookRecorder} at the other end of a {@link WorkerLink}. */
export class StoreRecorder extends RemoteRecorder implements DaybookRecorder {
  override readonly supports: RecorderSupport = { ...TRANSACTION, sql: true, subscriptions: true, units: true };
  readonly dialect: SqlDialect = SQLITE_DIALECT;
  /** @internal */
  readonly link: WorkerLink;
  readonly #recorded: Listeners;

  /** @param recorded - are told soon after something was recorded */
  constructor(link: WorkerLink, recorded: Listeners) {
    super(link);
    this.link = link;
    this.#recorded = recorded;
  }

  override async transaction<T>(
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>,
    options?: CommitOptions & CallOptions,
  ): Promise<T> {
    return await withEnds(this, (heard) => super.transaction(heard, options), work);
  }

  async syncProgress(): Promise<SyncProgress> {
    return this.link.call((host) => host.syncProgress());
  }

  async selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    return unpackPendingUnits(await this.link.call((host) => host.selectPendingUnits(after, limits)));
  }

  async insertPage(page: UnitPage, options?: InsertPageOptions): Promise<PageOutcome> {
    // Here already, as above.
    for (const { events } of page.units) validateEvents(events);
    const packed = packPage(page);
    return this.link.call((host) => host.insertPage(transfer(packed, [packed.buffer]), options));
  }

  async setAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
  ): Promise<readonly UnitId[]> {
    return this.link.call((host) => host.setAside(refused));
  }

  async rewind(cursor: Cursor): Promise<boolean> {
    return this.link.call((host) => host.rewind(cursor));
  }

  async followAnew(asked: Cursor): Promise<boolean> {
    return this.link.call((host) => host.followAnew(asked));
  }

  async selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]> {
    return unpackLostUnits(await this.link.call((host) => host.selectLostUnits(after, limits)));
  }

  async endHeal(healing: EndOfHealing): Promise<boolean> {
    return this.link.call((host) => host.endHeal(healing));
  }

  async selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]> {
    return this.link.call((host) => host.selectSetAside(after, limits));
  }

  async selectSuperseded(ids?: readonly UnitId[]): Promise<Superseded> {
    return this.link.call((host) => host.selectSuperseded(ids));
  }

  async decide(decided: readonly DecidedUnit[]): Promise<boolean> {
    return this.link.call((host) => host.decide(decided));
  }

  async discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]> {
    return this.link.call((host) => host.discardSetAside(ids));
  }

  async truncate(truncations: readonly Truncation[], options?: TruncateOptions): Promise<readonly OriginatorId[]> {
    return this.link.call((host) => host.truncate(truncations, options));
  }

  async selectBase(originatorId: OriginatorId): Promise<AggregateBase | undefined> {
    return this.link.call((host) => host.selectBase(originatorId));
  }

  async findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]> {
    return this.link.call((host) => host.findUnits(keys));
  }

  onRecorded(listener: () => void): () => void {
    return this.#recorded.add(listener);
  }

  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    return changesBehind(this.link).onChanged(listener, onEnd);
  }

  subscribe(options?: FollowOptions): Subscription {
    // Told of the store's end too: a subscription at rest finds it by its next look.
    const onNews: OnRecorded = (listener) => {
      const stops = [this.onRecorded(listener), this.link.onRefused(listener)];
      return () => stops.forEach((stop) => stop());
    };
    return follow(this, onNews, options);
  }
}

class RemoteTransaction extends RemoteRecorder implements RecorderTransaction<SqlQueryable> {
  readonly connection: SqlQueryable = this;
  readonly rebase: RebaseTransaction;

  constructor(link: WorkerLink, token: number) {
    super(link, token);
    // Whatever is called: only the worker has it.
    this.rebase = new Proxy({} as RebaseTransaction, {
      get:
        (_none, name: keyof RebaseTransaction) =>
        (...given: unknown[]) =>
          link.call((host) => host.rebase(token, name, given)),
    });
  }
}

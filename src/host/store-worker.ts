/**
 * A store as the worker offers it to a page.
 *
 * @module
 */
import { transfer } from 'comlink';
import type {
  HostInsertOptions,
  HostOpening,
  HostOpenOptions,
  HostReport,
  HostTransactionOptions,
  PackedPast,
  OnHostRecorded,
  HostReadName,
  HostReadOutcome,
  StoreHost,
  TransactionEnd,
} from './protocol/store-host.js';
import { encodeError } from '../domain/error-codec.js';
import type { ChangeListener } from '../persistence/store-changes.js';
import { InterfaceError } from '../persistence/errors.js';
import { packEvents, packNotifications, unpackEvents } from '../persistence/event-batch.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import type { OnOpenProgress } from '../persistence/journal/open-progress.js';
import type {
  EditionRecorder,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../persistence/recorder.js';
import type { SqlResult } from '../persistence/sql/sql-queryable.js';
import type { NotificationId, OriginatorId } from '../persistence/stored-event.js';
import { packLostUnits, packPendingUnits, unpackPage } from '../persistence/unit-batch.js';
import { OpenedStore } from './opened-store.js';
import type { LoadRescuePart } from './rescue-part.js';
import { ProgressLine } from './progress-line.js';
import { TransactionDesk } from './transaction-desk.js';
import { transferred } from './protocol/byte-source.js';
import { holdAliveLock } from './protocol/worker-host.js';

/** Implements {@link StoreHost} on the real thing. */
export class StoreWorker implements StoreHost {
  #opening: Promise<OpenedStore> | undefined;
  readonly #transactions = new TransactionDesk();
  readonly #loadRescuePart: LoadRescuePart;
  #listener: OnHostRecorded | undefined;

  constructor(loadRescuePart: LoadRescuePart) {
    this.#loadRescuePart = loadRescuePart;
  }

  readonly holdAliveLock: StoreHost['holdAliveLock'] = holdAliveLock;

  async open(options: HostOpenOptions, onProgress?: OnOpenProgress): Promise<HostOpening> {
    if (this.#opening !== undefined) throw new InterfaceError('This worker has opened its store.');
    const progress = new ProgressLine(onProgress);
    this.#opening = OpenedStore.open({
      ...options,
      onRecorded: (restored) => this.#listener?.(restored),
      onProgress: progress.tell,
      loadRescuePart: this.#loadRescuePart,
    });
    const { identity, restored } = await this.#opening;
    await progress.heard();
    return { identity, restored };
  }

  async insertEvents(packedEvents: Uint8Array, options: HostInsertOptions): Promise<readonly NotificationId[]> {
    const { tracking, durability, unit, decidedOn, token } = options;
    const events = unpackEvents(packedEvents);
    const said = {
      ...(tracking === undefined ? {} : { tracking }),
      ...(unit === undefined ? {} : { unit }),
      ...(decidedOn === undefined ? {} : { decidedOn }),
    };
    if (token !== undefined) return this.#transactions.get(token).insertEvents(events, said);
    const recorder = await this.#recorder();
    return recorder.insertEvents(events, {
      ...said,
      packedEvents,
      ...(durability === undefined ? {} : { durability }),
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions, token?: number): Promise<Uint8Array> {
    const recorder = await this.#recorderOf(token);
    return transferred(packEvents(await recorder.selectEvents(originatorId, options)));
  }

  async selectPast(originatorId: OriginatorId, options: SelectEventsOptions, token?: number): Promise<PackedPast> {
    const recorder = (await this.#recorderOf(token)) as ProcessRecorder & EditionRecorder;
    const { events, ...past } = await recorder.selectPast(originatorId, options);
    const packedEvents = packEvents(events);
    return transfer({ packedEvents, ...past }, [packedEvents.buffer]);
  }

  async selectNotifications(options: SelectNotificationsOptions, token?: number): Promise<Uint8Array> {
    const recorder = await this.#recorderOf(token);
    return transferred(packNotifications(await recorder.selectNotifications(options)));
  }

  async maxNotificationId(token?: number): Promise<NotificationId> {
    return (await this.#recorderOf(token)).maxNotificationId();
  }

  async maxTrackingId(applicationName: string, token?: number): Promise<NotificationId> {
    return (await this.#recorderOf(token)).maxTrackingId(applicationName);
  }

  async query(text: string, values: unknown[], token?: number): Promise<SqlResult> {
    if (token !== undefined) return this.#transactions.get(token).connection.query(text, values);
    return (await this.#recorder()).query(text, values);
  }

  async beginTransaction(token: number | undefined, options: HostTransactionOptions): Promise<number> {
    const source = token === undefined ? await this.#opened() : this.#transactions.get(token);
    return this.#transactions.begin(source, options);
  }

  async commitTransaction(token: number): Promise<TransactionEnd> {
    return this.#transactions.commit(token);
  }

  async rollBackTransaction(token: number): Promise<void> {
    await this.#transactions.rollBack(token);
  }

  readonly syncProgress: StoreHost['syncProgress'] = async () => (await this.#opened()).syncProgress();

  readonly selectPendingUnits: StoreHost['selectPendingUnits'] = async (after, limits) =>
    transferred(packPendingUnits(await (await this.#recorder()).selectPendingUnits(after, limits)));

  readonly insertPage: StoreHost['insertPage'] = async (page, options) =>
    (await this.#opened()).insertPage(unpackPage(page), options);

  readonly setAside: StoreHost['setAside'] = async (refused) => (await this.#recorder()).setAside(refused);

  readonly rewind: StoreHost['rewind'] = async (cursor) => (await this.#recorder()).rewind(cursor);
  readonly followAnew: StoreHost['followAnew'] = async (asked) => (await this.#recorder()).followAnew(asked);

  readonly selectLostUnits: StoreHost['selectLostUnits'] = async (after, limits) =>
    transferred(packLostUnits(await (await this.#recorder()).selectLostUnits(after, limits)));

  readonly endHeal: StoreHost['endHeal'] = async (healing) => (await this.#recorder()).endHeal(healing);

  readonly selectSetAside: StoreHost['selectSetAside'] = async (after, limits) =>
    (await this.#recorder()).selectSetAside(after, limits);

  readonly selectSuperseded: StoreHost['selectSuperseded'] = async (ids) =>
    (await this.#recorder()).selectSuperseded(ids);

  readonly decide: StoreHost['decide'] = async (decided) => (await this.#recorder()).decide(decided);

  readonly discardSetAside: StoreHost['discardSetAside'] = async (ids) => (await this.#recorder()).discardSetAside(ids);

  readonly truncate: StoreHost['truncate'] = async (truncations, options) =>
    (await this.#recorder()).truncate(truncations, options);

  readonly selectBase: StoreHost['selectBase'] = async (id) => (await this.#recorder()).selectBase(id);

  readonly findUnits: StoreHost['findUnits'] = async (keys) => (await this.#recorder()).findUnits(keys);

  readonly rebase: StoreHost['rebase'] = async (token, name, given) => {
    const rebase = this.#transactions.rebaseOf(token) as unknown as Record<typeof name, (...given: unknown[]) => never>;
    return rebase[name](...given);
  };

  async report(): Promise<HostReport> {
    return (await this.#opened()).report();
  }

  async eraseDeleted(): Promise<void> {
    await (await this.#opened()).eraseDeleted();
  }

  async refresh(): Promise<void> {
    (await this.#opened()).refresh();
  }

  onRecorded(listener: OnHostRecorded): void {
    this.#listener = listener;
  }

  async onChanged(listener: ChangeListener): Promise<void> {
    (await this.#opened()).changes.onChanged(listener);
  }

  readonly readTogether: StoreHost['readTogether'] = async (calls) => {
    const reads = this as unknown as Record<HostReadName, (...given: readonly unknown[]) => Promise<unknown>>;
    const each = calls.map(async ([name, given]): Promise<HostReadOutcome> => {
      try {
        return { value: await reads[name](...given) };
      } catch (error) {
        return { error: encodeError(error) };
      }
    });
    return await Promise.all(each);
  };

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }

  /** What a call is for: a transaction, or the store. */
  async #recorderOf(token: number | undefined): Promise<ProcessRecorder> {
    return token === undefined ? this.#recorder() : this.#transactions.get(token);
  }

  async #recorder(): Promise<DurableRecorder> {
    return (await this.#opened()).recorder;
  }

  /** The store; a call that comes while it is being opened waits for it, and fails if that does. */
  async #opened(): Promise<OpenedStore> {
    if (this.#opening === undefined) throw new InterfaceError('The store is not open.');
    return this.#opening;
  }
}

/**
 * Keeps states that follow from events, in transactions of their recorder.
 *
 * ```text
 * a transaction ─▶ how far each state is ─▶ events behind the least of them, 500 at a time ─▶ documents of their ids
 *                        ▲                         │ each to the states that have not had it       │ evolved, written
 *                        └─────────────────────────┴───────────────── how far it is now ◀──────────┘
 * ```
 *
 * Who records has taken the writers' turn (`mongo-log.ts`), so that no event can be between; and who only catches up meets
 * others at the position, which both write: the server undoes one of the two, and it begins again.
 *
 * @module
 */
import type { NotifiedEvent } from '../application/events/notified-event.js';
import { logBehind } from '../persistence/log-behind.js';
import { toBytes, toSafeInteger, toText } from '../persistence/mongodb/mongo-documents.js';
import type { MongoCollection, MongoDocument } from '../persistence/mongodb/mongo-driver.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { readPage } from '../persistence/notification-pages.js';
import type { ApplicationRecorder } from '../persistence/recorder.js';
import type { Notification, NotificationId } from '../persistence/stored-event.js';
import type { KeptRow, KeptState, State } from '../states/state.js';
import { checkedId, toDocument } from '../states/state-document.js';
import { atVersion, toData, toStateFields } from './mongo-state-documents.js';
import type { DocumentsOf, MongoStateCalls } from './mongo-state-reader.js';
import { writeAll } from './mongo-state-writer.js';
import type { Written } from './mongo-state-writer.js';

// Events that were missed and are read at once: they are few, unless the state was just added.
const PAGE_EVENTS_MAX = 500;

/** What {@link MongoKeptStates} needs. */
export interface KeptStatesOptions {
  /** Those that are kept, of the store. */
  readonly states: readonly State[];
  readonly documentsOf: DocumentsOf;
  /** The name of a state's collection. */
  readonly nameOf: (state: State) => string;
  readonly positions: MongoCollection;
  readonly transcoder: Transcoder;
}

/** Where events come from: the recorder of a transaction. */
type Log = Pick<ApplicationRecorder, 'selectNotifications' | 'maxNotificationId'>;

type Decode = (notification: Notification) => Promise<NotifiedEvent>;

/** The states of a store that are kept from events. */
export class MongoKeptStates {
  readonly #options: KeptStatesOptions;
  readonly #topics: readonly string[];

  constructor(options: KeptStatesOptions) {
    this.#options = options;
    this.#topics = [...new Set(options.states.flatMap(({ kept }) => kept?.topics ?? []))];
  }

  /**
   * Takes events up to a head, in a transaction.
   *
   * @param pagesMax - after so many pages it is left for another transaction
   * @returns whether all of them were taken
   * @throws what a handler throws, and LogBehindError (`LOG_BEHIND`) when a state has seen what the log does not have
   */
  async take(
    calls: MongoStateCalls,
    log: Log,
    {
      head,
      decode,
      pagesMax = Infinity,
    }: { readonly head: number; readonly decode: Decode; readonly pagesMax?: number },
  ): Promise<boolean> {
    const positions = await this.#positions(calls);
    await this.#assertOfLog(log, positions, head);
    let after = [...positions.values()].reduce((least, position) => Math.min(least, position));
    for (let pages = 0; after < head; pages++) {
      if (pages >= pagesMax) return false;
      const page = { after, head, limit: PAGE_EVENTS_MAX, topics: this.#topics };
      const { notifications, to } = await readPage(log, page);
      const events: NotifiedEvent[] = [];
      for (const notification of notifications) events.push(await decode(notification));
      const behind = [...positions].filter(([, position]) => position < to);
      for (const [state, position] of behind) {
        const wanted = events.filter(
          ({ notificationId }, index) =>
            notificationId > position && state.kept?.topics.includes(notifications[index]?.topic ?? '') === true,
        );
        await this.#keep(calls, state, wanted);
        positions.set(state, to);
      }
      await this.#setPositions(calls, behind, to);
      after = to;
    }
    return true;
  }

  async #positions(calls: MongoStateCalls): Promise<Map<State, NotificationId>> {
    const { states, nameOf, positions } = this.#options;
    const names = states.map(nameOf);
    const found = await calls.run((session) => positions.find({ _id: { $in: names } }, { session }).toArray());
    const byName = new Map(found.map((one) => [toText(one, '_id'), toSafeInteger(one, 'position')]));
    return new Map(states.map((state) => [state, byName.get(nameOf(state)) ?? 0]));
  }

  async #setPositions(
    calls: MongoStateCalls,
    behind: readonly (readonly [State, NotificationId])[],
    to: NotificationId,
  ): Promise<void> {
    const { nameOf, positions } = this.#options;
    const set = (at: (before: NotificationId) => NotificationId): readonly object[] =>
      behind.map(([state, before]) => ({
        replaceOne: {
          filter: { _id: nameOf(state) },
          replacement: { position: BigInt(at(before)) },
          upsert: true,
        },
      }));
    await calls.run(async (session, undoneBy) => {
      await positions.bulkWrite(
        set(() => to),
        { session, ordered: true },
      );
      undoneBy(async () => {
        await positions.bulkWrite(
          set((before) => before),
          { session, ordered: true },
        );
      });
    });
  }

  async #assertOfLog(log: Log, positions: ReadonlyMap<State, NotificationId>, head: number): Promise<void> {
    for (const [{ name }, position] of positions) {
      if (position <= head) continue;
      // Another participant of this transaction may have taken what was recorded after it.
      const end = await log.maxNotificationId();
      if (position <= end) continue;
      throw logBehind({
        what: `The state ${name}`,
        position,
        head: end,
        exit: 'Nothing was stored. Raise the version of its definition: then it is built anew.',
      });
    }
  }

  async #keep(calls: MongoStateCalls, state: State, events: readonly NotifiedEvent[]): Promise<void> {
    const { kept } = state;
    if (kept === undefined || events.length === 0) return;
    const documents = this.#options.documentsOf(state);
    const addressed = events.map((event) => ({ event, id: checkedId(kept.idOf(event)) }));
    const ids = [...new Set(addressed.map(({ id }) => id))];
    const before = await calls.run((session) => documents.find({ _id: { $in: ids } }, { session }).toArray());
    const rows = new Map<string, KeptRow | undefined>();
    for (const one of before) rows.set(toText(one, '_id'), await this.#rowOf(kept, one));
    for (const { event, id } of addressed) {
      const after = kept.evolve(rows.get(id), event);
      const data = after.data === undefined ? undefined : (await toDocument(state, id, after.data)).data;
      rows.set(id, data === undefined && !kept.hasSource ? undefined : { ...after, data });
    }
    const written: Written[] = [];
    for (const id of ids) written.push([id, await this.#documentOf(state, kept, id, rows.get(id))]);
    await calls.run((session, undoneBy) => writeAll(documents, { session, undoneBy, written, before }));
  }

  async #rowOf({ hasSource }: KeptState, document: MongoDocument): Promise<KeptRow> {
    const row = {
      version: toSafeInteger(document, 'version'),
      data: document['data'] === undefined ? undefined : toData(document),
    };
    if (!hasSource) return row;
    return { ...row, source: await this.#options.transcoder.decode(toBytes(document, 'source')) };
  }

  async #documentOf(
    state: State,
    { hasSource }: KeptState,
    id: string,
    row: KeptRow | undefined,
  ): Promise<object | undefined> {
    if (row === undefined) return undefined;
    const { version, data } = row;
    const source = hasSource ? await this.#options.transcoder.encode(row.source) : undefined;
    return atVersion(version, toStateFields(state, id, { data, source }));
  }
}

/**
 * States in MongoDB: the collections are drawn in `mongo-state-documents.ts`.
 *
 * @module
 */
import type { InlineParticipant } from '../application/events/inline-participant.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import { InterfaceError, ProgrammingError } from '../persistence/errors.js';
import { throwIfAborted } from '../persistence/heed-signal.js';
import type { CallOptions } from '../persistence/heed-signal.js';
import { defaultTranscoder } from '../persistence/mapping/default-transcoder.js';
import type { Transcoder } from '../persistence/mapping/transcoder.js';
import { collectionOf, createCollection } from '../persistence/mongodb/mongo-collections.js';
import { toText } from '../persistence/mongodb/mongo-documents.js';
import type { MongoClientLike, MongoCollection, MongoDatabase } from '../persistence/mongodb/mongo-driver.js';
import { mongoError } from '../persistence/mongodb/mongo-errors.js';
import { levelOf } from '../persistence/mongodb/mongo-recorder.js';
import type { MongoProcessRecorder } from '../persistence/mongodb/mongo-recorder.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import type { Notification } from '../persistence/stored-event.js';
import { validateFunction } from '../persistence/validation.js';
import { indexFields } from '../states/state.js';
import type { State } from '../states/state.js';
import type { FieldOf } from '../states/state-filter.js';
import type { StateReader, StateWriter } from '../states/state-store.js';
import { StoredStates } from '../states/stored-states.js';
import { crc32, crc32Text } from '../util/crc32.js';
import { MongoKeptStates } from './mongo-kept-states.js';
import { searchedOf, toData, wordsOf } from './mongo-state-documents.js';
import { pathOf } from './mongo-state-filter.js';
import { MongoStateReader } from './mongo-state-reader.js';
import type { MongoStateCalls } from './mongo-state-reader.js';
import { MongoStateWriter } from './mongo-state-writer.js';

const POSITIONS = 'state.positions';
const FILLED_MAX = 100;

/** What {@link MongoStateStore} needs. */
export interface MongoStateStoreOptions<Client extends MongoClientLike = MongoClientLike> {
  /** The application's own, whose database has the states; lent. */
  readonly recorder: MongoProcessRecorder<Client>;
  /** Those that there are. Others are refused. */
  readonly states: readonly State[];
  /** Of what states with `map` are made of: that of the application. @defaultValue as `Application` */
  readonly transcoder?: Transcoder;
}

/**
 * A `StateStore` beside a {@link MongoProcessRecorder}.
 *
 * @example
 * ```ts
 * const stock = stateOf(stockItem, { name: 'stock', indexes: ['quantity'] });
 * const states = new MongoStateStore({ recorder, states: [stock] });
 * await states.setUp();
 * const app = new Application({
 *   recorder,
 *   aggregates: [stockItem],
 *   inline: [states.inline((notification) => app.decode(notification))],
 * });
 * const few = await states.find(stock, { where: { quantity: { lt: 5 } }, orderBy: 'quantity' });
 * ```
 */
export class MongoStateStore<Client extends MongoClientLike = MongoClientLike> extends StoredStates {
  readonly #recorder: MongoProcessRecorder<Client>;
  readonly #database: MongoDatabase;
  readonly #documents: ReadonlyMap<State, MongoCollection>;
  readonly #keptStates: MongoKeptStates | undefined;
  protected override readonly committed: StateReader;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when two states have one name */
  constructor({ recorder, states, transcoder = defaultTranscoder() }: MongoStateStoreOptions<Client>) {
    super(recorder, states);
    this.#recorder = recorder;
    this.#database = recorder.database;
    this.#documents = new Map(states.map((state) => [state, collectionOf(this.#database, nameOf(state))]));
    this.committed = new MongoStateReader(callsAlone(recorder), (state) => this.#documentsOf(state));
    const kept = states.filter((state) => state.kept !== undefined);
    this.#keptStates =
      kept.length === 0
        ? undefined
        : new MongoKeptStates({
            ...{ states: kept, documentsOf: (state) => this.#documentsOf(state), nameOf, transcoder },
            positions: collectionOf(this.#database, POSITIONS),
          });
  }

  /**
   * Creates the collections and indexes that are missing, and gives words to states that have none of the fields that are
   * searched, 100 at a time. Safe to call again, also by several at once.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the server is no member of a replica set
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when they may not be created
   */
  override async setUp(): Promise<void> {
    for (const state of this.#documents.keys()) {
      await createCollection(this.#database, nameOf(state), [
        ...state.indexes.map((fields) => indexOf('by', fields)),
        ...state.lists.map((field) => indexOf('has', [field])),
        ...(state.search.length === 0 ? [] : [{ key: { words: 1 }, name: 'words' }]),
      ]);
      if (state.search.length > 0) while ((await this.#fillWords(state)) === FILLED_MAX);
    }
    if (this.#keptStates !== undefined) await createCollection(this.#database, POSITIONS);
  }

  /** As in `StateStore`. @throws InterfaceError (`INTERFACE_ERROR`) when it is none of a recorder on MongoDB */
  override within(transaction: RecorderTransaction<unknown>): StateWriter {
    return new MongoStateWriter(callsWithin(transaction), (state) => this.#documentsOf(state));
  }

  override async createIndex<Data>(
    state: State<Data>,
    fields: FieldOf<Data> | readonly FieldOf<Data>[],
  ): Promise<void> {
    this.#documentsOf(state);
    const checked = indexFields(state.name, typeof fields === 'string' ? [fields] : fields);
    await createCollection(this.#database, nameOf(state), [indexOf('by', checked)]);
  }

  override inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant {
    validateFunction('decode', decode);
    const kept = this.#keptStates;
    if (kept === undefined) return {};
    return {
      needsHistory: true,
      async onRecorded(transaction, events) {
        const head = events.at(-1)?.notificationId;
        if (head !== undefined) await kept.take(callsWithin(transaction), transaction, { head, decode });
      },
    };
  }

  /**
   * Takes what the states that are kept have not had yet, 500 events in a transaction: of a state that was just added, or
   * whose `version` was raised, beside the commits of others. Without it the next commit takes all of that, in its own
   * transaction, which the server ends after 60 seconds.
   *
   * @param decode - the application's: `(notification) => app.decode(notification)`
   * @throws what a handler throws, and what the schema refuses
   * @throws LogBehindError (`LOG_BEHIND`) when a state has seen what the log does not have (any more)
   */
  async catchUp(
    decode: (notification: Notification) => Promise<NotifiedEvent>,
    { signal }: CallOptions = {},
  ): Promise<void> {
    validateFunction('decode', decode);
    throwIfAborted(signal);
    const kept = this.#keptStates;
    if (kept === undefined) return;
    for (let isAll = false; !isAll;) {
      throwIfAborted(signal);
      isAll = await this.#recorder.transaction(async (transaction) => {
        const head = await transaction.maxNotificationId();
        return await kept.take(callsWithin(transaction), transaction, { head, decode, pagesMax: 1 });
      });
    }
  }

  /** @returns how many had words of other fields, or none; as many as can be: there may be more */
  async #fillWords(state: State): Promise<number> {
    const documents = this.#documentsOf(state);
    const isOutdated = { wordsOf: { $ne: searchedOf(state) }, data: { $exists: true } };
    const fill = this.#recorder.sessions.transaction(async (session) => {
      const found = await documents.find(isOutdated, { session, limit: FILLED_MAX }).toArray();
      const updates = found.map((one) => ({
        updateOne: {
          filter: { _id: toText(one, '_id') },
          update: { $set: wordsOf(state, toData(one) as Readonly<Record<string, unknown>>) },
        },
      }));
      if (updates.length > 0) await documents.bulkWrite(updates, { session, ordered: true });
      return found.length;
    });
    return await fill.catch((error: unknown) => {
      throw mongoError(error);
    });
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of this store */
  #documentsOf<Data>(state: State<Data>): MongoCollection {
    const documents = this.#documents.get(state);
    if (documents !== undefined) return documents;
    throw new ProgrammingError(`The state ${state.name} is none of this store: name it in its option states.`);
  }
}

/** Each version of a definition that follows from events has a collection of its own: two releases may be at work. */
function nameOf({ name, version, kept }: State): string {
  return `state_${name}${kept === undefined || version === 1 ? '' : `.v${version}`}`;
}

/** With the id, by which those are ordered that are alike. */
function indexOf(purpose: 'by' | 'has', fields: readonly string[]): object {
  const ending = crc32Text(crc32(new TextEncoder().encode(JSON.stringify(fields))));
  const keys = fields.map((field) => [pathOf(field), 1] as const);
  return { key: Object.fromEntries([...keys, ['_id', 1] as const]), name: `${purpose}_${ending}` };
}

function callsAlone<Client extends MongoClientLike>({ sessions }: MongoProcessRecorder<Client>): MongoStateCalls {
  return { run: (work) => sessions.read((session) => work(session, () => undefined)) };
}

function callsWithin(transaction: RecorderTransaction<unknown>): MongoStateCalls {
  const level = levelOf(transaction);
  if (level === undefined) throw new InterfaceError('The transaction is none of a recorder on MongoDB.');
  return { run: (work) => level.inTurn(work) };
}

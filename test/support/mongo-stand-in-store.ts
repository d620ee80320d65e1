/**
 * The documents of `mongo-stand-in.ts`, and transactions of one state of them.
 *
 * ```text
 * begin ─▶ a copy of what is committed ─▶ writes, each noted by its document and its unique keys ─▶ commit, or nothing
 *                                            └─ one that another one has noted, or that was committed since ─▶ WriteConflict
 * ```
 *
 * @module
 */
import { Query } from 'mingo';

export type Document = Record<string, unknown>;
type Collections = Map<string, Map<string, Document>>;

/** What a server refuses, with its code. */
export class Refusal extends Error {
  readonly code: number;
  readonly codeName: string;
  readonly more: Document;

  constructor(code: number, codeName: string, more: Document = {}) {
    super(codeName);
    this.code = code;
    this.codeName = codeName;
    this.more = more;
  }
}

/** A state of the documents, and what was changed in it. */
export interface View {
  readonly collections: Collections;
  /** What was written: documents and unique keys. */
  readonly keys: Set<string>;
  /** The collections that it has a copy of: the others are shared, also what is committed. */
  readonly owned: Set<string>;
  /** The number of the last commit that it sees; `undefined`: it is what is committed. */
  readonly begunAt: number | undefined;
}

/** How much of what is found is read, and in which order. */
export interface Reading {
  readonly sort?: Document;
  readonly skip?: number;
  readonly limit?: number;
  /** Of fields that are named, with a dot for those of a field. */
  readonly projection?: Document;
}

interface UniqueIndex {
  readonly name: string;
  readonly fields: readonly string[];
}

const TRANSIENT = { errorLabels: ['TransientTransactionError'] };

/** Keeps documents in memory. */
export class StandInStore {
  readonly #committed: View = { collections: new Map(), keys: new Set(), owned: new Set(), begunAt: undefined };
  readonly #open = new Set<View>();
  readonly #unique = new Map<string, UniqueIndex[]>();
  /** By key: the number of the commit that wrote it last. */
  readonly #writtenAt = new Map<string, number>();
  #commits = 0;

  get committed(): View {
    return this.#committed;
  }

  create(name: string): void {
    if (this.#committed.collections.has(name)) throw new Refusal(48, 'NamespaceExists');
    this.#committed.collections.set(name, new Map());
  }

  index(name: string, index: UniqueIndex): void {
    const there = this.#unique.get(name) ?? [];
    if (!there.some((one) => one.name === index.name)) this.#unique.set(name, [...there, index]);
  }

  begin(): View {
    const collections = new Map(
      [...this.#committed.collections].map(([name, documents]) => [name, new Map(documents)]),
    );
    const view = { collections, keys: new Set<string>(), owned: new Set<string>(), begunAt: this.#commits };
    this.#open.add(view);
    return view;
  }

  end(view: View): void {
    this.#open.delete(view);
  }

  commit(view: View): void {
    this.#open.delete(view);
    this.#commits++;
    const own = new Map<string, Map<string, Document>>();
    for (const key of view.keys) {
      const [name = '', id = ''] = key.split(' ', 2);
      this.#writtenAt.set(key, this.#commits);
      const documents = own.get(name) ?? new Map(this.#committed.collections.get(name));
      own.set(name, documents);
      const document = view.collections.get(name)?.get(id);
      if (document === undefined) documents.delete(id);
      else documents.set(id, document);
    }
    for (const [name, documents] of own) this.#committed.collections.set(name, documents);
  }

  find(
    view: View,
    name: string,
    filter: Document,
    { sort, skip = 0, limit = 0, projection }: Reading = {},
  ): Document[] {
    const query = new Query(plain(filter));
    const found = candidates(view.collections.get(name), filter).filter((one) => query.test(shown(one)));
    if (sort !== undefined) found.sort(comparing(sort));
    const part = found.slice(skip, limit > 0 ? skip + limit : undefined);
    return projection === undefined ? part : part.map((one) => ({ _id: one['_id'], ...projected(one, projection) }));
  }

  insert(view: View, name: string, document: Document): void {
    const id = idOf(document);
    if (view.collections.get(name)?.has(id) === true) throw duplicate('_id_', ['_id']);
    const entries = this.#entries(name, document);
    const taken = entries.find(({ place, key }) => view.collections.get(place)?.has(key));
    this.#note(view, [[name, id], ...entries.map(({ place, key }) => [place, key] as const)]);
    if (taken !== undefined) throw duplicate(taken.index.name, taken.index.fields);
    this.#own(view, name).set(id, document);
    for (const { place, key } of entries) this.#own(view, place).set(key, {});
  }

  /** @returns the document after it, `undefined` where none fits */
  update(
    view: View,
    name: string,
    { filter, change, isUpsert }: { readonly filter: Document; readonly change: Document; readonly isUpsert: boolean },
  ): { readonly after: Document; readonly isNew: boolean } | undefined {
    const [before] = this.find(view, name, filter, { limit: 1 });
    if (before === undefined && !isUpsert) return undefined;
    const begun = before ?? { _id: filter['_id'] };
    const after = changed(begun, change, before === undefined);
    if (before === undefined) this.insert(view, name, after);
    else {
      this.#note(view, [[name, idOf(before)]]);
      this.#own(view, name).set(idOf(before), after);
    }
    return { after, isNew: before === undefined };
  }

  remove(view: View, name: string, document: Document): void {
    const all = [
      [name, idOf(document)],
      ...this.#entries(name, document).map(({ place, key }) => [place, key]),
    ] as const;
    this.#note(view, all as readonly (readonly [string, string])[]);
    for (const [place, key] of all) this.#own(view, place).delete(key);
  }

  #note(view: View, places: readonly (readonly [name: string, id: string])[]): void {
    const keys = places.map(([name, id]) => `${name} ${id}`);
    for (const key of keys) {
      const isOthers = [...this.#open].some((other) => other !== view && other.keys.has(key));
      const isLater = view.begunAt !== undefined && (this.#writtenAt.get(key) ?? 0) > view.begunAt;
      if (isOthers || isLater) throw new Refusal(112, 'WriteConflict', view.begunAt === undefined ? {} : TRANSIENT);
    }
    if (view.begunAt === undefined) {
      // Committed at once.
      this.#commits++;
      for (const key of keys) this.#writtenAt.set(key, this.#commits);
    } else for (const key of keys) view.keys.add(key);
  }

  /** The documents of a view, which nobody else has. */
  #own(view: View, name: string): Map<string, Document> {
    const documents = view.collections.get(name);
    const own = documents !== undefined && view.owned.has(name) ? documents : new Map(documents);
    if (view.begunAt !== undefined) view.owned.add(name);
    view.collections.set(name, own);
    return own;
  }

  /** The entries of a document in the unique indexes: each index is a collection of its keys. */
  #entries(
    name: string,
    document: Document,
  ): { readonly place: string; readonly key: string; readonly index: UniqueIndex }[] {
    return (this.#unique.get(name) ?? []).map((index) => ({
      place: `${name}.$${index.name}`,
      key: keyOf(index.fields.map((field) => document[field])),
      index,
    }));
  }
}

/** Those of the ids that are asked for, or all. */
function candidates(documents: ReadonlyMap<string, Document> | undefined, { _id }: Document): Document[] {
  if (documents === undefined) return [];
  const { $in } = (typeof _id === 'object' && _id !== null ? _id : {}) as { readonly $in?: readonly unknown[] };
  const ids = ['string', 'bigint', 'number'].includes(typeof _id) ? [_id] : $in;
  if (ids === undefined) return [...documents.values()];
  return [...new Set(ids.map(keyOf))].flatMap((id) => {
    const document = documents.get(id);
    return document === undefined ? [] : [document];
  });
}

const shownBefore = new WeakMap<Document, Document>();

/** As {@link plain}, of a document that does not change. */
function shown(document: Document): Document {
  const known = shownBefore.get(document) ?? plain(document);
  shownBefore.set(document, known);
  return known;
}

function changed(before: Document, change: Document, isNew: boolean): Document {
  if (!Object.keys(change).some((key) => key.startsWith('$'))) return { _id: before['_id'], ...change };
  const { $setOnInsert = {}, $inc = {}, $set = {} } = change as Readonly<Record<string, Document>>;
  const after: Document = { ...before, ...$set, ...(isNew ? $setOnInsert : {}) };
  for (const [field, by] of Object.entries($inc)) after[field] = (after[field] as bigint) + (by as bigint);
  return after;
}

function duplicate(index: string, fields: readonly string[]): Refusal {
  return new Refusal(11_000, 'DuplicateKey', {
    errmsg: `E11000 duplicate key error index: ${index}`,
    keyPattern: Object.fromEntries(fields.map((field) => [field, 1])),
  });
}

function idOf({ _id }: Document): string {
  return keyOf(_id);
}

function keyOf(value: unknown): string {
  return JSON.stringify(plain(value)).replaceAll(' ', '\\u0020');
}

/** Null, or what is not there, before numbers, before texts, before booleans. */
function comparing(sort: Document): (one: Document, other: Document) => number {
  return (one, other) => {
    for (const [path, direction] of Object.entries(sort)) {
      const [a, b] = [plain(at(one, path)) ?? null, plain(at(other, path)) ?? null];
      const order = rankOf(a) - rankOf(b) || (a === b ? 0 : (a as never) < (b as never) ? -1 : 1);
      if (order !== 0) return order * Number(direction);
    }
    return 0;
  };
}

function rankOf(value: unknown): number {
  return value === null ? 0 : ['number', 'string', 'object', 'boolean'].indexOf(typeof value) + 1;
}

function at(document: Document, path: string): unknown {
  const [field = '', ...rest] = path.split('.');
  const value = Object.hasOwn(document, field) ? document[field] : undefined;
  if (rest.length === 0 || typeof value !== 'object' || value === null) return rest.length === 0 ? value : undefined;
  return at(value as Document, rest.join('.'));
}

function projected(document: Document, projection: Document): Document {
  const picked: Document = {};
  for (const path of Object.keys(projection)) {
    const [field = '', ...rest] = path.split('.');
    const value = document[field];
    if (value === undefined) continue;
    if (rest.length === 0) picked[field] = value;
    else picked[field] = { ...(picked[field] as Document), ...projected(value as Document, { [rest.join('.')]: 1 }) };
  }
  return picked;
}

/**
 * To be compared: 64-bit integers as numbers, and texts as the bytes of their UTF-8, by which the server compares them and
 * JavaScript does not.
 */
function plain<T>(value: T): T {
  if (typeof value === 'bigint') return Number(value) as T;
  if (typeof value === 'string') return Buffer.from(value).toString('latin1') as T;
  if (Array.isArray(value)) return value.map(plain) as T;
  if (typeof value !== 'object' || value === null || '_bsontype' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)])) as T;
}

/**
 * Rows of states in memory, and what open transactions have changed of them.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import type { KeptRow, State } from './state.js';
import {
  assertRestored,
  assertVersion,
  assertWritten,
  restoredOf,
  updateBy,
  validateExpected,
} from './state-changes.js';
import { checkedId, pick, toDocument } from './state-document.js';
import type { Condition, Ordering, Value, Where } from './state-filter.js';
import { compareBy, fieldOf, matches } from './state-match.js';
import type { Candidate } from './state-match.js';
import { pageOf, placeAfter, queryOf, searchedConditionOf } from './state-query.js';
import type {
  ChangeOptions,
  CountOptions,
  FindOptions,
  FoundState,
  PageOptions,
  RestoreOptions,
  StatePage,
  StateWriter,
} from './state-store.js';

type Document = Readonly<Record<string, unknown>>;

/** The rows of a state, as somebody sees them. */
export interface StateRows {
  get(id: string): KeptRow | undefined;
  /** @param row - undefined: there is none any more */
  set(id: string, row: KeptRow | undefined): void;
  /** In no order. */
  all(): Iterable<readonly [id: string, row: KeptRow]>;
}

/** What a transaction has changed: undefined is what it has deleted. */
type Layer = Map<State, Map<string, KeptRow | undefined>>;

/** Under its name: how far the events were taken. */
export const POSITION: State = {
  name: 'position',
  version: 1,
  schema: undefined,
  indexes: [],
  search: [],
  lists: [],
  kept: undefined,
};

/** All rows. A layer sees those before it, and nobody else sees it until it has ended. */
export class MemoryStates {
  readonly #committed: ReadonlyMap<State, Map<string, KeptRow>>;
  readonly #layers: Layer[] = [];

  constructor(states: readonly State[]) {
    this.#committed = new Map([...states, POSITION].map((state) => [state, new Map()]));
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is none of the store */
  committed(state: State): StateRows {
    const rows = this.#rowsOf(state);
    return {
      get: (id) => rows.get(id),
      set: (id, row) => {
        if (row === undefined) rows.delete(id);
        else rows.set(id, row);
      },
      all: () => rows,
    };
  }

  begin(): Layer {
    const layer: Layer = new Map();
    this.#layers.push(layer);
    return layer;
  }

  end(layer: Layer, isCommitted: boolean): void {
    this.#layers.splice(this.#layers.indexOf(layer), 1);
    if (!isCommitted) return;
    for (const [state, changes] of layer) {
      const rows = this.committed(state);
      for (const [id, row] of changes) rows.set(id, row);
    }
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is none of the store */
  within(layer: Layer, state: State): StateRows {
    const rows = this.#rowsOf(state);
    const seen = (): readonly Layer[] => this.#layers.slice(0, this.#layers.indexOf(layer) + 1);
    return {
      get(id) {
        const last = seen().findLast((one) => one.get(state)?.has(id) === true);
        return last === undefined ? rows.get(id) : last.get(state)?.get(id);
      },
      set(id, row) {
        const changes = layer.get(state) ?? new Map<string, KeptRow | undefined>();
        layer.set(state, changes.set(id, row));
      },
      all() {
        const all = new Map<string, KeptRow | undefined>(rows);
        for (const one of seen()) for (const [id, row] of one.get(state) ?? []) all.set(id, row);
        return [...all].filter((entry): entry is [string, KeptRow] => entry[1] !== undefined);
      },
    };
  }

  #rowsOf(state: State): Map<string, KeptRow> {
    const rows = this.#committed.get(state);
    if (rows !== undefined) return rows;
    throw new ProgrammingError(`The state ${state.name} is none of this store: name it in its option states.`);
  }
}

/** Implements {@link StateWriter} on rows in memory. */
export class MemoryStateWriter implements StateWriter {
  readonly #rowsOf: (state: State) => StateRows;

  constructor(rowsOf: (state: State) => StateRows) {
    this.#rowsOf = rowsOf;
  }

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    await Promise.resolve();
    const row = this.#rowsOf(state).get(checkedId(id));
    return row?.data === undefined ? undefined : { id, version: row.version, data: copy(row.data as Data) };
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: FindOptions<Data, Field> = {},
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    await Promise.resolve();
    const { condition, orderings, select, limit, offset } = queryOf(state, options as FindOptions<Data>);
    const found = this.#select(state, condition, orderings);
    const end = limit === undefined ? undefined : offset + limit;
    return found.slice(offset, end).map((one) => toFound<Pick<Data, Field>>(one, select));
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: PageOptions<Data, Field> = {},
  ): Promise<StatePage<Pick<Data, Field>>> {
    await Promise.resolve();
    const { orderings, select, limit, parts } = pageOf(state, options as PageOptions<Data>);
    const found = parts.flatMap((part) => this.#select(state, part, orderings));
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const isMore = found.length > limit && last !== undefined;
    const values = last === undefined ? [] : orderings.map(({ field }) => fieldOf(last, field) as Value | null);
    return {
      states: page.map((one) => toFound<Pick<Data, Field>>(one, select)),
      next: isMore ? placeAfter(orderings, values, last.id) : undefined,
    };
  }

  async count<Data>(state: State<Data>, where?: Where<Data>, { search }: CountOptions = {}): Promise<number> {
    await Promise.resolve();
    return this.#select(state, searchedConditionOf(state, where, search), []).length;
  }

  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    { version }: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    const rows = this.#rowsOf(state);
    const document = await toDocument(state, checkedId(id), data);
    const actual = rows.get(id)?.version ?? 0;
    assertVersion(state, id, version, actual);
    rows.set(id, { version: actual + 1, data: document.data });
    return { id, version: actual + 1, data: copy(document.data) };
  }

  async update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    options: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    assertWritten(state);
    validateExpected(options.version);
    return await updateBy(this, state, id, change, options);
  }

  async delete<Data>(state: State<Data>, id: string, { version }: ChangeOptions = {}): Promise<boolean> {
    await Promise.resolve();
    assertWritten(state);
    const rows = this.#rowsOf(state);
    const actual = rows.get(checkedId(id))?.version ?? 0;
    assertVersion(state, id, version, actual);
    rows.set(id, undefined);
    return actual > 0;
  }

  async restore<Data>(
    state: State<Data>,
    given: readonly FoundState<unknown>[],
    options?: RestoreOptions,
  ): Promise<number> {
    assertRestored(state, options);
    const rows = this.#rowsOf(state);
    const there = new Map(
      given.flatMap(({ id }) => {
        const row = rows.get(checkedId(id));
        return row?.data === undefined ? [] : [[id, { version: row.version, data: row.data }] as const];
      }),
    );
    const restored = await restoredOf(state, given, there, options);
    for (const { id, version, data } of restored) rows.set(id, { version, data });
    return restored.length;
  }

  #select(
    state: State,
    condition: Condition,
    orderings: readonly Ordering[],
  ): readonly (Candidate & { readonly version: number })[] {
    const all = [...this.#rowsOf(state).all()].flatMap(([id, { version, data }]) =>
      data === undefined ? [] : [{ id, version, data: data as Document }],
    );
    return all.filter((one) => matches(one, condition)).sort(compareBy(orderings));
  }
}

function toFound<Found>(
  { id, version, data }: Candidate & { readonly version: number },
  select: readonly string[] | undefined,
): FoundState<Found> {
  return { id, version, data: copy(pick(data, select)) as Found };
}

/** Documents are what JSON can hold. */
function copy<Data>(data: Data): Data {
  return structuredClone(data);
}

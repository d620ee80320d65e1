/**
 * Five releases of one application. Each adds something: a version of an event, a type of event, a command, a column of the
 * view; the fourth a version of a command. What was there before means the same in all of them.
 */
import { sqlProjection } from '../../src/application/projections/projection.js';
import type { SqlProjection } from '../../src/application/projections/projection.js';
import type { AnyDecider } from '../../src/application/aggregates/aggregate-kind.js';
import { defineDecider } from '../../src/domain/decider.js';
import { CommandError } from '../../src/domain/domain-errors.js';
import { command, event } from '../../src/domain/message-types.js';
import type { Message, MessageDefinitions } from '../../src/domain/message-types.js';

export type Release = 1 | 2 | 3 | 4 | 5;
export const RELEASES: readonly Release[] = [1, 2, 3, 4, 5];

/** What is known of an article; what a release does not know stays as it is at first. */
export interface Article {
  readonly free: number;
  readonly damaged: number;
  readonly name: string;
  readonly shelf: string;
  readonly isClosed: boolean;
}

interface Data {
  readonly quantity: number;
  readonly text: string;
}

type Given = Message<string, Data>;

/** What each release has that those before it have not. */
const ADDED: Readonly<Record<string, Release>> = {
  ...{ Received: 1, Reserved: 1, Receive: 1, Reserve: 1 },
  ...{ Damaged: 2, Damage: 2, Named: 3, Name: 3, Moved: 4, Move: 4, Closed: 5, Close: 5 },
};

export function isOf(release: Release, type: string): boolean {
  return (ADDED[type] ?? 6) <= release;
}

/** The versions of what was received, by releases: it says where it comes from, in which lot, when it is to be sold. */
const ORIGINS = ['source', 'lot', 'until', 'price'] as const;
export function receivedVersion(release: Release): number {
  return release;
}

/** What becomes of an article. No code of the library's. */
export function evolveArticle(state: Article, { type, data }: Given): Article {
  switch (type) {
    case 'Received':
      return { ...state, free: state.free + data.quantity };
    case 'Reserved':
      return { ...state, free: state.free - data.quantity };
    case 'Damaged':
      return { ...state, free: state.free - data.quantity, damaged: state.damaged + data.quantity };
    case 'Named':
      return { ...state, name: data.text };
    case 'Moved':
      return { ...state, shelf: data.text };
    default:
      return { ...state, isClosed: true };
  }
}

export const NEW_ARTICLE: Article = { free: 0, damaged: 0, name: '', shelf: '', isClosed: false };

const EVENT_OF: Readonly<Record<string, string>> = {
  ...{ Receive: 'Received', Reserve: 'Reserved', Damage: 'Damaged', Name: 'Named', Move: 'Moved', Close: 'Closed' },
};

function decided(release: Release, { type, data }: Given, state: Article): readonly Given[] {
  if (!isOf(release, type)) throw new TypeError(`No release ${release} has the command ${type}.`);
  if (state.isClosed) throw new CommandError('The article is closed.');
  if (['Reserve', 'Damage'].includes(type) && data.quantity > state.free) {
    throw new CommandError(`Only ${state.free} are there.`);
  }
  const origins = Object.fromEntries(ORIGINS.slice(0, release - 1).map((key) => [key, `of ${release}`]));
  return [{ type: EVENT_OF[type] ?? '', data: type === 'Receive' ? { ...data, ...origins } : data }];
}

function definitions(release: Release): { readonly events: MessageDefinitions; readonly commands: MessageDefinitions } {
  const upcasts = Object.fromEntries(
    ORIGINS.slice(0, release - 1).map((key, index) => [
      index + 1,
      (data: Record<string, unknown>) => ({ ...data, [key]: 'unknown' }),
    ]),
  );
  const events: Record<string, MessageDefinitions[string]> = {
    Received: event<Data>({ isCommutative: true, version: receivedVersion(release), upcasts }),
    Reserved: event<Data>(),
    ...{ Damaged: event<Data>(), Named: event<Data>(), Moved: event<Data>(), Closed: event<Data>() },
  };
  const commands: Record<string, MessageDefinitions[string]> = {
    Receive: command<Data>(),
    // From the fourth release on somebody says what a reservation is for.
    Reserve:
      release < 4
        ? command<Data>()
        : command<Data>({ version: 2, upcasts: { 1: (data) => ({ ...data, text: `for ${String(data['text'])}` }) } }),
    ...{ Damage: command<Data>(), Name: command<Data>(), Move: command<Data>(), Close: command<Data>() },
  };
  const known = (all: Record<string, MessageDefinitions[string]>): MessageDefinitions =>
    Object.fromEntries(Object.entries(all).filter(([type]) => isOf(release, type)));
  return { events: known(events), commands: known(commands) };
}

/** The decider of a release. */
export function articleOf(release: Release): AnyDecider {
  const { events, commands } = definitions(release);
  return defineDecider({
    name: 'Article',
    events,
    commands,
    initialState: (): Article => NEW_ARTICLE,
    decide: (given, state) => decided(release, given as Given, state),
    evolve: (state, happened) => evolveArticle(state, happened as Given),
  });
}

export function commandOf(type: string, quantity = 1, text = 'somebody'): Given {
  return { type, data: { quantity, text } };
}

const COLUMNS: Readonly<Record<Release, string>> = {
  ...{ 1: 'free INTEGER NOT NULL', 2: 'damaged INTEGER NOT NULL', 3: 'name TEXT NOT NULL' },
  ...{ 4: 'shelf TEXT NOT NULL', 5: 'closed INTEGER NOT NULL' },
};

/** The view of a release: a column more than that of the one before. */
export function articlesOf(release: Release): SqlProjection<'articles'> {
  const columns = RELEASES.filter((one) => one <= release);
  const { events } = definitions(release);
  return sqlProjection({
    name: 'articles',
    version: release,
    from: [{ name: 'Article', events }],
    tables: {
      articles: (table) =>
        `CREATE TABLE ${table} (id TEXT PRIMARY KEY, ${columns.map((column) => COLUMNS[column]).join(', ')})`,
    },
    on: Object.fromEntries(
      Object.keys(events).map((type) => [
        type,
        async (
          happened: { readonly originatorId: string; readonly data: object },
          { query, tables }: Parameters<SqlProjection<'articles'>['handle']>[1],
        ) => {
          const { originatorId } = happened;
          const { rows } = await query(`SELECT * FROM ${tables.articles} WHERE id = $1`, [originatorId]);
          const before = rows[0] === undefined ? NEW_ARTICLE : articleFrom(rows[0]);
          const after = evolveArticle(before, { type, data: happened.data as Data });
          await query(`DELETE FROM ${tables.articles} WHERE id = $1`, [originatorId]);
          const values = [after.free, after.damaged, after.name, after.shelf, after.isClosed ? 1 : 0].slice(0, release);
          await query(
            `INSERT INTO ${tables.articles} VALUES ($1, ${columns.map((_column, index) => `$${index + 2}`).join(', ')})`,
            [originatorId, ...values],
          );
        },
      ]),
    ),
  });
}

export function articleFrom(row: Readonly<Record<string, unknown>>): Article {
  return {
    free: Number(row['free'] ?? 0),
    damaged: Number(row['damaged'] ?? 0),
    name: (row['name'] ?? '') as string,
    shelf: (row['shelf'] ?? '') as string,
    isClosed: Number(row['closed'] ?? 0) === 1,
  };
}

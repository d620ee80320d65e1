/**
 * A server's log of the shipped code, asked as a trace of the model says.
 *
 * @module
 */
import { historyDigest } from '../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { Cursor, LostUnit, PendingUnit, UnitPage } from '../../src/persistence/unit.js';
import { editionOf } from '../../src/persistence/unit-edition.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { StoredUnitLog, UnitLogOptions } from '../../src/server/log/stored-unit-log.js';
import type { Authorize, PushOutcome, Visibility } from '../../src/server/log/unit-log.js';
import { ScopesChangedError } from '../../src/sync/protocol/index.js';
import type { HealAnswer } from '../../src/sync/protocol/index.js';
import { isForbidden, scopeOf, type Scope } from './domain.js';
import type { ReplayNames } from './replay-names.js';
import { kindOf, line } from './trace-lines.js';
import type { Line } from './trace.js';

/** A log, and what happens to it beside its requests. */
export interface LogUnderTest {
  readonly log: StoredUnitLog;
  /** The same one to look at: it seals nothing, which takes most of the time. */
  readonly view: StoredUnitLog;
  insertBeside(events: readonly StoredEvent[]): Promise<void>;
  /** @returns sets it back */
  backup(): Promise<() => Promise<void>>;
}

/** Opens the log of a tenant. */
export type OpenLog = (tenant: string, options: UnitLogOptions) => Promise<LogUnderTest>;

export const openMemoryLog: OpenLog = (_tenant, options) => Promise.resolve(underTest(new MemoryUnitLog(options)));

/** @param log - that one, or one with a fault */
export function underTest(log: MemoryUnitLog): LogUnderTest {
  return {
    log,
    view: log.reopened({}),
    insertBeside: (events: readonly StoredEvent[]) => {
      log.insertBeside(events);
      return Promise.resolve();
    },
    backup: () => {
      const restore = log.backup();
      return Promise.resolve(() => {
        restore();
        return Promise.resolve();
      });
    },
  };
}

export const ALL = { eventsMax: 100_000, bytesMax: 1e9 } as const;

export type CodeRequest =
  | { readonly kind: 'push'; readonly units: readonly PendingUnit[]; readonly follows: string | undefined }
  | { readonly kind: 'pull'; readonly after: Cursor; readonly held: readonly Cursor[]; readonly limit: number }
  | { readonly kind: 'common'; readonly marks: readonly Cursor[] }
  | { readonly kind: 'heal'; readonly units: readonly LostUnit[] }
  | { readonly kind: 'digest'; readonly aggregate: string; readonly version: number };

export type CodeAnswer =
  | { readonly kind: 'push'; readonly answer: PushOutcome }
  | { readonly kind: 'pull'; readonly after: Cursor; readonly page: UnitPage | 'diverged' | 'rescoped' }
  | { readonly kind: 'common'; readonly common: Cursor }
  | { readonly kind: 'heal'; readonly answer: HealAnswer }
  | { readonly kind: 'digest'; readonly digest: string | undefined };

export function placeName(cursor: Cursor): string {
  return cursor === CURSOR_START ? 'start' : `place:${cursor}`;
}

export class ReplayedLog {
  readonly #under: LogUnderTest;
  readonly #names: ReplayNames;
  readonly #backups = new Map<number, () => Promise<void>>();

  constructor(under: LogUnderTest, names: ReplayNames) {
    this.#under = under;
    this.#names = names;
  }

  async insertBeside(event: StoredEvent): Promise<void> {
    await this.#under.insertBeside([event]);
  }

  async backup(number: number): Promise<void> {
    this.#backups.set(number, await this.#under.backup());
  }

  async restore(number: number): Promise<void> {
    await this.#backups.get(number)?.();
  }

  async answer(request: CodeRequest, subject: string, scopes: readonly Scope[]): Promise<CodeAnswer> {
    const { log } = this.#under;
    const sender = { subject, replicaId: '00000000-0000-4000-8000-00000000000e' };
    const visibility = this.#visibility(scopes);
    switch (request.kind) {
      case 'push': {
        const { units, follows } = request;
        return { kind: 'push', answer: await log.push(units, sender, this.#authorize, visibility, follows) };
      }
      case 'pull': {
        const { after, held, limit } = request;
        return { kind: 'pull', after, page: await this.#page(after, { eventsMax: limit, bytesMax: 1e9, held, visibility }) };
      }
      case 'common':
        return { kind: 'common', common: await log.common(request.marks) };
      case 'heal':
        return { kind: 'heal', answer: await log.heal(request.units, sender) };
      case 'digest': {
        const { aggregate, version: upTo } = request;
        const events = await log.history(this.#names.originatorId(aggregate), { after: 0, upTo, ...ALL, visibility });
        return { kind: 'digest', digest: events.length === upTo ? historyDigest(events) : undefined };
      }
    }
  } // prettier-ignore

  async #page(
    after: Cursor,
    options: Parameters<StoredUnitLog['page']>[1],
  ): Promise<UnitPage | 'diverged' | 'rescoped'> {
    try {
      return (await this.#under.log.page(after, options)) ?? 'diverged';
    } catch (error) {
      if (error instanceof ScopesChangedError) return 'rescoped';
      throw error;
    }
  }

  #visibility(scopes: readonly Scope[]): Visibility | undefined {
    if (scopes.length === 2) return undefined;
    const names = this.#names;
    const isSeen = ({ originatorId }: StoredEvent): boolean => scopes.includes(scopeOf(names.aggregate(originatorId)));
    return { id: scopes.join('-') || 'none', isVisible: ({ events }, index) => isSeen(events[index] as StoredEvent) };
  }

  readonly #authorize: Authorize = ({ events }) => {
    const payloads = events.map((event) => this.#names.fromEvent(event).payload);
    return Promise.resolve(isForbidden(payloads) ? { code: 'FORBIDDEN_AMOUNT', message: 'Not so.' } : undefined);
  };

  async lines(): Promise<Line[]> {
    const { view } = this.#under;
    const page = await view.page(CURSOR_START, ALL);
    if (page === undefined) throw new Error('A log has its own start.');
    const refused = await view.refused({ limit: 100_000 });
    const names = this.#names;
    return [
      line(['end'], [placeName(page.to)]),
      ...page.units.map((unit) => {
        const { id, isCommutative, events, origin, position } = unit;
        const said = [kindOf(isCommutative), `by:${origin.author}`, ...events.map((event) => names.eventText(event))];
        return line(['unit', position, names.unitName(id, events), ...said], [`edition:${editionOf(unit)}`]);
      }),
      ...refused.map(({ id, kind, code, subject, unit }) => {
        const name = names.unitName(id, unit?.events);
        return kind === 'offered' ? line(['offered', name]) : line(['refused', name, code, `by:${subject}`]);
      }),
    ];
  }

  answerLines(given: CodeAnswer, request: CodeRequest): Line[] {
    const names = this.#names;
    switch (given.kind) {
      case 'push': {
        const events = new Map((request as Extract<CodeRequest, { kind: 'push' }>).units.map((unit) => [unit.id, unit.events]));
        const nameOf = (id: string): string => names.unitName(id, events.get(id));
        const { decisions, conflict } = given.answer;
        const decided = decisions.map((decision) =>
          decision.kind === 'accepted'
            ? line(['accepted', nameOf(decision.id)])
            : line(['rejected', nameOf(decision.id), decision.code]),
        );
        return conflict === undefined ? decided : [...decided, line(['conflict', nameOf(conflict)])];
      }
      case 'common':
        return [line(['common'], [placeName(given.common)])];
      case 'digest': {
        const { digest } = given;
        return digest === undefined ? ['unknown'] : [line(['digest'], [`digest:${digest}`])];
      }
      case 'heal': {
        const events = new Map((request as Extract<CodeRequest, { kind: 'heal' }>).units.map((unit) => [unit.id, unit.events]));
        const { decisions, head } = given.answer;
        const end = head === undefined ? [] : [line(['end'], [placeName(head)])];
        return [...decisions.map(({ id, kind }) => line([kind, names.unitName(id, events.get(id))])), ...end];
      }
      case 'pull':
        return this.#pageLines(given.page);
    }
  } // prettier-ignore

  #pageLines(page: UnitPage | 'diverged' | 'rescoped'): Line[] {
    if (typeof page === 'string') return [page];
    const names = this.#names;
    return [
      line(['page', page.position >= page.head ? 'last' : 'more'], [placeName(page.from), placeName(page.to)]),
      ...page.units.map((unit) => {
        const { id, isCommutative, position, total, origin, events } = unit;
        const said = [kindOf(isCommutative), `by:${origin.author}`, ...events.map((event) => names.eventText(event))];
        return line(['shows', position, total, names.unitName(id, events), ...said], [`edition:${editionOf(unit)}`]);
      }),
    ];
  }
}

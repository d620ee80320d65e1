/**
 * Daybook's own tables as numbered steps.
 *
 * The steps of a thing are what it creates, in their order, and a later release adds steps at the end: an index, or a column
 * with an index. Which of them are there is asked of the database, and not of the ledger, because other programs make the
 * same tables: older releases, and the Python library. The ledger says when, for people.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { missingOf } from '../persistence/sql/create-missing.js';
import type { Creations } from '../persistence/sql/sql-names.js';
import type { Creation } from '../persistence/sql/sql-names.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Clock } from '../util/clock.js';
import type { MigrationLedger } from './migration-ledger.js';
import { checksumOf } from './migration.js';

/** What has tables of Daybook's: a `SqlOutbox`, a `SqlEventIndex`, a recorder by `ownTablesOf` … */
export interface HasTables {
  /** What they are made of. */
  readonly tables: Creations;
  /** Creates what is missing, and locks nothing where all is there. */
  createTables(): Promise<void>;
}

/** What makes more than tables when it is set up, such as a `SqlProjectionStore`: for who prints it. */
export interface HasCreations {
  /** In their order. */
  readonly creations: readonly Creation[];
}

/** Own tables, and what of them is there. */
export interface OwnTablesStatus {
  /** The first of them, which names all. */
  readonly table: string;
  /** How many steps there are. */
  readonly steps: number;
  /** Steps that are missing, in their order. */
  readonly missing: readonly Creation[];
}

/**
 * A recorder as something that has tables.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it has none in a database
 */
export function ownTablesOf(recorder: { readonly tables: Creations; createTable(): Promise<void> }): HasTables {
  if (!hasTables(recorder)) throw new ProgrammingError('The recorder has no tables in a database with SQL.');
  return { tables: recorder.tables, createTables: () => recorder.createTable() };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one has no tables */
export function checkOwn(own: readonly Pick<HasTables, 'tables'>[]): void {
  if (!Array.isArray(own) || !(own as readonly unknown[]).every(hasTables)) throw notOwn();
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one says nothing of what it makes */
export function checkViews(views: readonly HasCreations[]): void {
  const isOne = (view: Partial<HasCreations> | null | undefined): boolean => Array.isArray(view?.creations);
  if (Array.isArray(views) && views.every(isOne)) return;
  throw new ProgrammingError('views must be a list of what says what it makes: a SqlProjectionStore, a SqlStateStore.');
}

function hasTables(value: unknown): boolean {
  return (value as Partial<HasTables> | null | undefined)?.tables !== undefined;
}

function notOwn(): ProgrammingError {
  return new ProgrammingError('own must be a list of what has tables. Of a recorder: ownTablesOf(recorder).');
}

/** Makes them, and writes that down. */
export class OwnTables {
  readonly #recorder: SqlRecorder;
  readonly #ledger: MigrationLedger;
  readonly #own: readonly HasTables[];
  readonly #clock: Clock;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when one has no tables */
  constructor(recorder: SqlRecorder, ledger: MigrationLedger, own: readonly HasTables[], clock: Clock) {
    checkOwn(own);
    if (own.some((one) => typeof (one.createTables as unknown) !== 'function')) throw notOwn();
    this.#recorder = recorder;
    this.#ledger = ledger;
    this.#own = own;
    this.#clock = clock;
  }

  async status(): Promise<readonly OwnTablesStatus[]> {
    return await Promise.all(
      this.#own.map(async ({ tables }) => ({
        table: nameOf(tables),
        steps: tables.creations.length,
        missing: await missingOf(this.#recorder, tables),
      })),
    );
  }

  /** @param inTurn - runs work in a transaction in which nobody else migrates */
  async create(inTurn: (work: (sql: SqlQueryable) => Promise<void>) => Promise<void>): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const missing = (await this.status()).some((one) => one.missing.length > 0);
    for (const one of this.#own) await one.createTables();
    const durationMs = missing ? this.#clock.monotonicMs() - startMs : 0;
    if (this.#unwritten(await this.#ledger.read(this.#recorder)).length === 0) return;
    await inTurn(async (sql) => {
      for (const { set, version, creation } of this.#unwritten(await this.#ledger.readWithin(sql))) {
        const { name } = creation;
        const times = { appliedAtMs: this.#clock.nowMs(), durationMs };
        await this.#ledger.put(sql, {
          set,
          version,
          name,
          checksum: checksumOf(creation.sql),
          state: 'applied',
          ...times,
        });
      }
    });
  }

  #unwritten(written: Awaited<ReturnType<MigrationLedger['read']>>): readonly OwnStep[] {
    const known = new Set(written.map(({ set, version }) => `${set} ${version}`));
    return ownSteps(this.#own).filter(({ set, version }) => !known.has(`${set} ${version}`));
  }
}

/** A step, and how the ledger calls it. */
export interface OwnStep {
  readonly set: string;
  readonly version: number;
  readonly creation: Creation;
}

/** All steps of what has tables, in their order. */
export function ownSteps(own: readonly Pick<HasTables, 'tables'>[]): readonly OwnStep[] {
  return own.flatMap(({ tables }) =>
    tables.creations.map((creation, index) => ({ set: `daybook ${nameOf(tables)}`, version: index + 1, creation })),
  );
}

function nameOf({ creations }: Creations): string {
  return creations[0]?.name ?? '';
}

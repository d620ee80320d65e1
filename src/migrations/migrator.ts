/**
 * Carries out migrations, each once, whoever starts at the same time.
 *
 * ```text
 * up ─▶ read the ledger ─▶ nothing to do: done, nothing was locked
 *            ▲      └─▶ take the turn ─▶ read again ─▶ statements ─▶ write the ledger ─▶ commit ─┐
 *            └───────────────────────────────────────────────────────────────────────────────────┘
 *                         └─ somebody else has it: rest a while, and read again
 *
 * outside of a transaction:   applying (committed) ─▶ statements, the turn held meanwhile ─▶ applied
 *                                                       └─ broken off: applying, and nobody has the turn
 * ```
 *
 * Each migration is a transaction of its own, so those before one that fails stay, and what it has locked is free after it.
 *
 * @module
 */
import { isEventSourcingError } from '../domain/errors.js';
import { OperationalError, ProgrammingError } from '../persistence/errors.js';
import { isLocked } from '../persistence/serial/lock-retry.js';
import { whileTurnIsHeld } from '../persistence/sql/held-turn.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { pause } from '../util/pause.js';
import { assertNothingLost } from './assert-nothing-lost.js';
import { MigrationLedger, SET_DEFAULT } from './migration-ledger.js';
import { MigrationRun } from './migration-run.js';
import type { MigrationDone, RunStep } from './migration-run.js';
import { checkMigrations, checkVersion } from './migration.js';
import type { CheckedMigration } from './migration.js';
import { OwnTables } from './own-tables.js';
import { isUnderWay, standingOf, toApply, toRevert } from './standing.js';
import type { StandingMigration } from './standing.js';
import type {
  DownOptions,
  MigrationPlan,
  MigratorOptions,
  MigratorStatus,
  PlannedMigration,
  UpOptions,
} from './migrator-options.js';
import { throwIfAborted } from '../persistence/heed-signal.js';
import { validateWord } from '../persistence/validation.js';

const WAIT_MS_DEFAULT = 600_000;
const LOCK_TIMEOUT_MS_DEFAULT = 2_000;
const POLL_MS = 100;

/**
 * Brings the tables of a database to where the application expects them: Daybook's own, and the application's by numbered
 * migrations. Safe to be called by any number of processes at once: each migration is carried out once, and who comes meanwhile
 * waits. Where nothing is to be done it reads, and locks nothing.
 *
 * @example
 * ```ts
 * const migrator = new Migrator({
 *   recorder,
 *   own: [ownTablesOf(recorder), outbox],
 *   migrations: [{ version: 1, name: 'orders', up: 'CREATE TABLE orders (id TEXT PRIMARY KEY)', down: 'DROP TABLE orders' }],
 * });
 * await migrator.up();
 * ```
 */
export class Migrator {
  readonly #recorder: SqlRecorder;
  readonly #migrations: readonly CheckedMigration[];
  readonly #own: OwnTables;
  readonly #set: string;
  readonly #ledger: MigrationLedger;
  readonly #run: MigrationRun;
  readonly #waitMs: number;
  readonly #clock: Clock;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option or a migration is not what it should be */
  constructor(options: MigratorOptions) {
    const { recorder, migrations = [], set = SET_DEFAULT, waitMs = WAIT_MS_DEFAULT, clock = systemClock } = options;
    const { lockTimeoutMs = LOCK_TIMEOUT_MS_DEFAULT } = options;
    if (typeof (set as unknown) !== 'string' || set === '' || set.length > 100 || set.startsWith('daybook ')) {
      throw new ProgrammingError('set must be a text of 1 to 100 characters that does not begin with "daybook ".');
    }
    for (const [name, value] of Object.entries({ waitMs, lockTimeoutMs })) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new ProgrammingError(`${name} must be whole milliseconds from 0 up.`, {
          details: { [name]: String(value) },
        });
      }
    }
    if ((recorder as Partial<SqlRecorder> | undefined)?.dialect === undefined)
      throw new ProgrammingError('recorder must be a recorder with SQL.');
    this.#recorder = recorder.owner ?? recorder;
    this.#migrations = checkMigrations(migrations);
    this.#set = set;
    this.#ledger = new MigrationLedger(options.ledgerTable, options.schema, recorder.dialect);
    this.#own = new OwnTables(this.#recorder, this.#ledger, options.own ?? [], clock);
    this.#run = new MigrationRun({ recorder: this.#recorder, ledger: this.#ledger, set, lockTimeoutMs, clock });
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /**
   * Makes what is missing of Daybook's tables, then applies what is pending, in the order of the versions.
   *
   * @returns what was done here; nothing where another process did it
   * @throws MigrationChangedError (`MIGRATION_CHANGED`), MigrationOrderError (`MIGRATION_ORDER`), MigrationUnfinishedError
   *   (`MIGRATION_UNFINISHED`) when it cannot go on from where the database stands: nothing was done
   * @throws MigrationFailedError (`MIGRATION_FAILED`) when a statement failed; migrations before it stay
   * @throws NotSupportedError (`NOT_SUPPORTED`) when one is to be run outside of a transaction, where that cannot be
   * @throws OperationalError (`OPERATIONAL_ERROR`), `details.reason: 'locked'`, when another process took too long
   */
  async up({ to, allowOutOfOrder, signal }: UpOptions = {}): Promise<readonly MigrationDone[]> {
    if (to !== undefined) checkVersion('to', to);
    const choose = (standing: readonly StandingMigration[]): RunStep | undefined => {
      const [next] = toApply(standing, { to, allowOutOfOrder });
      return next && { migration: next, direction: 'up', script: next.up };
    };
    // Whatever is wrong is said before anything is made.
    const standing = await this.#standing();
    if (!isUnderWay(standing)) choose(standing);
    throwIfAborted(signal);
    await this.#own.create((work) => this.#inTurn(work, signal));
    return await this.#all(choose, signal);
  }

  /**
   * Takes applied migrations back, the last one first. Daybook's own tables stay.
   *
   * @returns what was done here
   * @throws MigrationLosesDataError (`MIGRATION_LOSES_DATA`) when a statement may lose data, and `mayLoseData` is not set
   * @throws MigrationOrderError (`MIGRATION_ORDER`), `details.reason: 'no-way-back'`, when one has no `down`
   * @throws as {@link Migrator.up}
   */
  async down({ to, mayLoseData = false, signal }: DownOptions = {}): Promise<readonly MigrationDone[]> {
    if (to !== undefined) checkVersion('to', to, 0);
    const last = to ?? lastButOne(await this.#standing());
    const choose = (standing: readonly StandingMigration[]): RunStep | undefined => {
      const [next] = toRevert(standing, last);
      return next && { migration: next, direction: 'down', script: next.down };
    };
    // All of them, so that it does not end half-way.
    const standing = await this.#standing();
    if (!mayLoseData && !isUnderWay(standing)) await assertNothingLost(this.#recorder, toRevert(standing, last));
    throwIfAborted(signal);
    return await this.#all(choose, signal);
  }

  /** Says where the database stands. Changes nothing. */
  async status(): Promise<MigratorStatus> {
    const standing = await this.#standing();
    const own = await this.#own.status();
    return {
      own,
      migrations: standing.map(({ version, name, state, applied, given }) => ({
        ...{ version, name, state },
        appliedAt: applied && new Date(applied.appliedAtMs),
        durationMs: applied?.durationMs,
        hasDown: given?.down !== undefined,
      })),
      isCurrent: standing.every(({ state }) => state === 'applied') && own.every(({ missing }) => missing.length === 0),
    };
  }

  /**
   * Says what {@link Migrator.up} would do; or {@link Migrator.down}, with a `direction`. Changes nothing.
   *
   * @throws as they do, where it cannot go on from where the database stands
   */
  async plan(
    options: (UpOptions & { readonly direction?: 'up' }) | (DownOptions & { readonly direction: 'down' }) = {},
  ): Promise<MigrationPlan> {
    validateWord('direction', options.direction, ['up', 'down']);
    const standing = await this.#standing();
    if (options.direction === 'down') {
      const steps = toRevert(standing, options.to ?? lastButOne(standing));
      if (options.mayLoseData !== true) await assertNothingLost(this.#recorder, steps);
      return {
        own: [],
        migrations: steps.map((one) => planned({ migration: one, direction: 'down', script: one.down })),
      };
    }
    const steps = toApply(standing, options);
    const own = await this.#own.status();
    return {
      own: own
        .filter(({ missing }) => missing.length > 0)
        .map(({ table, missing }) => ({ table, statements: missing.map(({ sql }) => sql) })),
      migrations: steps.map((one) => planned({ migration: one, direction: 'up', script: one.up })),
    };
  }

  /**
   * Says that the text that a migration has now means the same as the one that was applied: a comment, perhaps.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is not given, or not applied
   */
  async accept(version: number): Promise<void> {
    checkVersion('version', version);
    await this.#inTurn(async (sql) => {
      const { applied, given } = await this.#find(sql, version);
      if (applied?.state !== 'applied' || given === undefined) {
        throw new ProgrammingError(`Migration ${version} is not both given and applied. Nothing was changed.`);
      }
      const { checksum, name } = given;
      await this.#ledger.put(sql, { ...applied, checksum, name });
    });
  }

  /**
   * Says what became of a migration that was broken off outside of a transaction, after somebody has looked and put it right.
   *
   * @param outcome - `'applied'`: all of it is done; `'reverted'`: nothing of it is
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it was not broken off
   */
  async resolve(version: number, outcome: 'applied' | 'reverted'): Promise<void> {
    checkVersion('version', version);
    if (!['applied', 'reverted'].includes(outcome)) throw new ProgrammingError('outcome must be applied or reverted.');
    await this.#inTurn(async (sql) => {
      const { applied } = await this.#find(sql, version);
      if (applied === undefined || applied.state === 'applied') {
        throw new ProgrammingError(`Migration ${version} was not broken off. Nothing was changed.`);
      }
      if (outcome === 'applied') await this.#ledger.put(sql, { ...applied, state: 'applied' });
      else await this.#ledger.remove(sql, applied);
    });
  }

  async #find(sql: SqlQueryable, version: number): Promise<Pick<StandingMigration, 'applied' | 'given'>> {
    const standing = await this.#standingWithin(sql);
    return standing.find((one) => one.version === version) ?? { applied: undefined, given: undefined };
  }

  async #standing(): Promise<readonly StandingMigration[]> {
    const entries = await this.#ledger.read(this.#recorder);
    return standingOf(
      this.#migrations,
      entries.filter(({ set }) => set === this.#set),
    );
  }

  async #standingWithin(sql: SqlQueryable): Promise<readonly StandingMigration[]> {
    const entries = await this.#ledger.readWithin(sql);
    return standingOf(
      this.#migrations,
      entries.filter(({ set }) => set === this.#set),
    );
  }

  async #all(
    choose: (standing: readonly StandingMigration[]) => RunStep | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly MigrationDone[]> {
    const done: MigrationDone[] = [];
    for (;;) {
      throwIfAborted(signal);
      const standing = await this.#standing();
      if (!isUnderWay(standing) && choose(standing) === undefined) return done;
      const one = await this.#run.patiently(() =>
        this.#inTurn(async (sql) => {
          // Others may have been first.
          const step = choose(await this.#standingWithin(sql));
          return step && (await this.#run.step(sql, step));
        }, signal),
      );
      if (one !== undefined) done.push(one);
    }
  }

  /** Runs work in a transaction in which nobody else migrates. */
  async #inTurn<T>(work: (sql: SqlQueryable) => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#ledger.create(this.#recorder);
    const deadlineMs = this.#clock.monotonicMs() + this.#waitMs;
    for (;;) {
      throwIfAborted(signal);
      const had = await this.#tryTurn(work);
      if (had !== undefined) return had.result;
      if (this.#clock.monotonicMs() >= deadlineMs) throw waitedTooLong(this.#waitMs);
      await pause(this.#clock, POLL_MS, signal);
    }
  }

  async #tryTurn<T>(work: (sql: SqlQueryable) => Promise<T>): Promise<{ readonly result: T } | undefined> {
    const { triedTurns: turns } = this.#recorder.dialect;
    const name = this.#ledger.turn;
    if (turns !== undefined) return await whileTurnIsHeld(this.#recorder, { name, turns, clock: this.#clock }, work);
    try {
      return { result: await this.#recorder.transaction(({ connection }) => work(connection)) };
    } catch (error) {
      // Another process, or another tab, writes.
      if (isLocked(error) || isOvertaken(error)) return undefined;
      throw error;
    }
  }
}

function planned({ migration, direction, script }: RunStep): PlannedMigration {
  const { version, name } = migration;
  const { isTransactional, statements } = script;
  return { version, name, direction, isTransactional, statements: statements.map(({ text }) => text) };
}

function lastButOne(standing: readonly StandingMigration[]): number {
  return standing.filter(({ applied }) => applied !== undefined).at(-2)?.version ?? 0;
}

function isOvertaken(error: unknown): boolean {
  return isEventSourcingError(error) && error.details['reason'] === 'overtaken';
}

function waitedTooLong(waitMs: number): OperationalError {
  return new OperationalError(
    `Another process was still migrating this database after ${waitMs} ms. Nothing was done here: see what it is about, and start again.`,
    { details: { reason: 'locked', waitMs } },
  );
}

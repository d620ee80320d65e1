import { isEventSourcingError } from '../domain/errors.js';
import { NotSupportedError } from '../persistence/errors.js';
import type { IndexesBesideWriters } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Clock } from '../util/clock.js';
import { pause } from '../util/pause.js';
import { madeRepeatable, mayBeInPart } from './ended-statement.js';
import { MigrationFailedError } from './migration-errors.js';
import type { LedgerEntry, MigrationLedger } from './migration-ledger.js';
import type { CheckedMigration } from './migration.js';
import type { ScriptStatement, SqlScript } from './sql-script.js';

// With the pause after each: half a minute in which somebody else's lock may end.
const ATTEMPTS_MAX = 10;
const ATTEMPT_PAUSE_MS = 1_000;
const TEXT_SHOWN = 200;
// PostgreSQL refuses such a statement before it does anything: it is written wrongly, or names what is not there.
const NOT_BEGUN = '42';

/** One way of a migration. */
export interface RunStep {
  readonly migration: Omit<CheckedMigration, 'down'>;
  readonly direction: 'up' | 'down';
  readonly script: SqlScript;
}

/** What was done. */
export interface MigrationDone {
  readonly version: number;
  readonly name: string;
  readonly direction: 'up' | 'down';
  readonly durationMs: number;
}

/** What {@link MigrationRun} needs. */
export interface MigrationRunParts {
  readonly recorder: SqlRecorder;
  readonly ledger: MigrationLedger;
  readonly set: string;
  readonly lockTimeoutMs: number;
  readonly clock: Clock;
}

/** Runs the statements of a migration, and writes down what became of it. Its caller has the turn. */
export class MigrationRun {
  readonly #parts: MigrationRunParts;

  constructor(parts: MigrationRunParts) {
    this.#parts = parts;
  }

  /** Tries again what was taken back because somebody else had a lock for too long. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    const { clock, recorder } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const state = recorder.dialect.lockTimeouts?.errorState;
        if (state === undefined || attempt >= ATTEMPTS_MAX || stateOf(error) !== state || isUnfinished(error))
          throw error;
        await pause(clock, ATTEMPT_PAUSE_MS);
      }
    }
  }

  /**
   * @param sql - of the transaction that has the turn
   * @throws MigrationFailedError (`MIGRATION_FAILED`) when a statement failed
   * @throws NotSupportedError (`NOT_SUPPORTED`) when it is in no transaction, and cannot be so here
   */
  async step(sql: SqlQueryable, step: RunStep): Promise<MigrationDone> {
    const { clock, ledger, set } = this.#parts;
    const { version, name, checksum } = step.migration;
    const startMs = clock.monotonicMs();
    const entry = { set, version, name, checksum, appliedAtMs: clock.nowMs(), durationMs: 0 };
    if (step.script.isTransactional) await this.#together(sql, step);
    else await this.#apart(step, entry);
    const durationMs = Math.round(clock.monotonicMs() - startMs);
    if (step.direction === 'up') await ledger.put(sql, { ...entry, state: 'applied', durationMs });
    else await ledger.remove(sql, entry);
    return { version, name, direction: step.direction, durationMs };
  }

  async #together(sql: SqlQueryable, step: RunStep): Promise<void> {
    const { recorder, lockTimeoutMs } = this.#parts;
    const timeoutSql = recorder.dialect.lockTimeouts?.setSql(lockTimeoutMs);
    if (timeoutSql !== undefined) await sql.query(timeoutSql);
    for (const [index, { text }] of step.script.statements.entries()) {
      await sql.query(text).catch((error: unknown) => {
        throw failed(step, index, error, false);
      });
    }
  }

  async #apart(step: RunStep, entry: Omit<LedgerEntry, 'state'>): Promise<void> {
    const { recorder, ledger } = this.#parts;
    const { version, name } = step.migration;
    const { besideWriters } = recorder.dialect;
    if (recorder.runAlone === undefined || besideWriters === undefined) {
      throw new NotSupportedError(
        `Migration ${version} (${name}) is to be run outside of any transaction, which this database cannot, or a pool of one connection. Nothing of it was done.`,
        { details: { version, name } },
      );
    }
    const state = step.direction === 'up' ? 'applying' : 'reverting';
    await recorder.transaction(({ connection }) => ledger.put(connection, { ...entry, state }));
    for (const [index, statement] of step.script.statements.entries()) {
      try {
        await this.#alone(statement, { runAlone: recorder.runAlone.bind(recorder), besideWriters });
      } catch (error) {
        const isBegun = index > 0 || (mayBeInPart(statement) && stateOf(error)?.startsWith(NOT_BEGUN) !== true);
        if (!isBegun) {
          await recorder.transaction(({ connection }) =>
            step.direction === 'up'
              ? ledger.remove(connection, entry)
              : ledger.put(connection, { ...entry, state: 'applied' }),
          );
        }
        throw failed(step, index, error, isBegun);
      }
    }
  }

  /** Runs a statement, again where the server has ended it because two waited for each other, and that is safe. */
  async #alone(statement: ScriptStatement, { runAlone, besideWriters }: Alone): Promise<void> {
    const { clock, recorder } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      try {
        await runAlone(statement.text);
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX || !besideWriters.isOvertaken(error)) throw error;
        // Whatever is in the way of that too, it is the statement that has failed.
        const isSafe = await madeRepeatable(recorder, { runAlone, discarded: besideWriters }, statement).catch(
          () => false,
        );
        if (!isSafe) throw error;
        await pause(clock, ATTEMPT_PAUSE_MS);
      }
    }
  }
}

interface Alone {
  readonly runAlone: (sql: string) => Promise<unknown>;
  readonly besideWriters: IndexesBesideWriters;
}

function stateOf(error: unknown): string | undefined {
  const own = error instanceof MigrationFailedError ? error.cause : error;
  const state = isEventSourcingError(own) ? own.details['sqlState'] : undefined;
  return typeof state === 'string' ? state : undefined;
}

function isUnfinished(error: unknown): boolean {
  return isEventSourcingError(error) && error.details['unfinished'] === true;
}

function failed({ migration, direction, script }: RunStep, index: number, cause: unknown, unfinished: boolean): Error {
  const { version, name } = migration;
  const text = script.statements[index]?.text.slice(0, TEXT_SHOWN) ?? '';
  const what = `Statement ${index + 1} of migration ${version} (${name}), ${direction}, failed: ${cause instanceof Error ? cause.message : String(cause)}`;
  const outcome = unfinished
    ? `The statements before it were carried out, and of itself perhaps a part: see what is there, finish it or take it back by hand, then say so with resolve(${version}, …).`
    : 'Nothing of the migration was done; those before it stay.';
  return new MigrationFailedError(`${what}. ${outcome}`, {
    cause,
    details: { version, name, direction, statement: index + 1, text, unfinished },
  });
}

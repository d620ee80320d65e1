/**
 * Where a database stands among the migrations that are given, and what is to be done next. Pure: what was read is handed in.
 *
 * @module
 */
import { MigrationChangedError, MigrationOrderError, MigrationUnfinishedError } from './migration-errors.js';
import type { CheckedMigration, RevertibleMigration } from './migration.js';
import type { LedgerEntry } from './migration-ledger.js';

/**
 * `applied`; `pending`, to be applied; `late`, to be applied though a later one is applied; `changed`, applied with another text;
 * `missing`, applied and not given; `applying` and `reverting`, under way or broken off, of what is in no transaction.
 */
export type MigrationState = 'applied' | 'pending' | 'late' | 'changed' | 'missing' | 'applying' | 'reverting';

/** A migration, as it was applied and as it is given. */
export interface StandingMigration {
  readonly version: number;
  readonly name: string;
  readonly state: MigrationState;
  readonly applied: LedgerEntry | undefined;
  readonly given: CheckedMigration | undefined;
}

/** What is allowed beside the usual. */
export interface StandingRules {
  /** The last version that is wanted. @defaultValue the last one that is given */
  readonly to?: number | undefined;
  readonly allowOutOfOrder?: boolean | undefined;
}

/** Whether one that is in no transaction is under way, or was broken off: who has the turn knows that it was. */
export function isUnderWay(standing: readonly StandingMigration[]): boolean {
  return standing.some(({ state }) => state === 'applying' || state === 'reverting');
}

/** All migrations, given or applied, in the order of their versions. */
export function standingOf(
  given: readonly CheckedMigration[],
  entries: readonly LedgerEntry[],
): readonly StandingMigration[] {
  const appliedBy = new Map(entries.map((entry) => [entry.version, entry]));
  const givenBy = new Map(given.map((migration) => [migration.version, migration]));
  const last = entries.reduce((most, { version }) => Math.max(most, version), 0);
  return [...new Set([...appliedBy.keys(), ...givenBy.keys()])]
    .sort((one, other) => one - other)
    .map((version) => {
      const [applied, migration] = [appliedBy.get(version), givenBy.get(version)];
      const name = migration?.name ?? applied?.name ?? '';
      return { version, name, state: stateOf(applied, migration, version < last), applied, given: migration };
    });
}

function stateOf(
  applied: LedgerEntry | undefined,
  given: CheckedMigration | undefined,
  isBelow: boolean,
): MigrationState {
  if (applied === undefined) return isBelow ? 'late' : 'pending';
  if (applied.state !== 'applied') return applied.state;
  if (given === undefined) return 'missing';
  return given.checksum === applied.checksum ? 'applied' : 'changed';
}

/**
 * The migrations that are to be applied, in their order.
 *
 * @throws MigrationUnfinishedError (`MIGRATION_UNFINISHED`), MigrationChangedError (`MIGRATION_CHANGED`), MigrationOrderError
 *   (`MIGRATION_ORDER`) when it cannot go on from here
 */
export function toApply(
  standing: readonly StandingMigration[],
  { to = Infinity, allowOutOfOrder = false }: StandingRules,
): readonly CheckedMigration[] {
  assertSound(standing);
  const wanted = standing.filter(({ version }) => version <= to);
  const late = wanted.find(({ state }) => state === 'late');
  if (late !== undefined && !allowOutOfOrder) throw isLate(late);
  return wanted.flatMap(({ state, given }) =>
    (state === 'pending' || state === 'late') && given !== undefined ? [given] : [],
  );
}

/**
 * The migrations that are to be taken back, the last one first.
 *
 * @param to - the last version that stays
 * @throws as {@link toApply}; MigrationOrderError (`MIGRATION_ORDER`) with `details.reason: 'no-way-back'` when one cannot be
 */
export function toRevert(standing: readonly StandingMigration[], to: number): readonly RevertibleMigration[] {
  assertSound(standing);
  return standing
    .filter(({ version, state }) => version > to && state === 'applied')
    .reverse()
    .flatMap(({ given }) => {
      if (given === undefined) return [];
      const { down, ...rest } = given;
      if (down === undefined) throw noWayBack(rest);
      return [{ ...rest, down }];
    });
}

function assertSound(standing: readonly StandingMigration[]): void {
  for (const { version, name, state, applied, given } of standing) {
    const details = { version, name };
    const which = `Migration ${version} (${name})`;
    if (state === 'applying' || state === 'reverting') {
      throw new MigrationUnfinishedError(
        `${which} was broken off while it was ${state === 'applying' ? 'applied' : 'taken back'}, outside of any transaction, so some of its statements may have been carried out, and an index may be there that is of no use. Nothing was done. See what is there, finish it or take it back by hand, then say so: resolve(${version}, 'applied') or resolve(${version}, 'reverted').`,
        { details: { ...details, state } },
      );
    }
    if (state === 'missing') {
      throw new MigrationOrderError(
        `${which} was applied here and is not given. Nothing was done. Give it again, as it was; a release that has it may be running.`,
        { details: { ...details, reason: 'missing' } },
      );
    }
    if (state === 'changed') {
      throw new MigrationChangedError(
        `${which} was applied with another text than it has now, so a new database would not be like this one. Nothing was done. Give it as it was, and what is to change as a migration of its own. If they mean the same: accept(${version}).`,
        { details: { ...details, applied: applied?.checksum, given: given?.checksum } },
      );
    }
  }
}

function isLate({ version, name }: StandingMigration): MigrationOrderError {
  return new MigrationOrderError(
    `Migration ${version} (${name}) is not applied, and a later one is: of two branches, perhaps. Nothing was done. If it does not matter which is first, allow it (allowOutOfOrder); if it does, give it a higher version.`,
    { details: { version, name, reason: 'late' } },
  );
}

function noWayBack({ version, name }: Pick<CheckedMigration, 'version' | 'name'>): MigrationOrderError {
  return new MigrationOrderError(
    `Migration ${version} (${name}) has no way back: it has no down. Nothing was done. Write one, or go on with another migration.`,
    { details: { version, name, reason: 'no-way-back' } },
  );
}

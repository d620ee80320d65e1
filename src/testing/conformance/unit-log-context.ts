/**
 * What the cases of a log of units have in common: the log, who sends, and what is read of it.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { ConfirmedUnit } from '../../persistence/unit.js';
import type { StoredUnitLog, UnitLogOptions } from '../../server/log/stored-unit-log.js';
import type { Decision, PushOutcome, Sender, UnitLog } from '../../server/log/unit-log.js';
import type { ConformanceCase } from './conformance.js';
import { readLog } from './unit-samples.js';

/** A log, and what happens to its tables. */
export interface UnitLogContext {
  /** The log, which may hold units already, with these options. */
  readonly open: (options?: UnitLogOptions) => StoredUnitLog;
  /** Inserts events beside the log, as a program does that knows nothing of units. */
  readonly insertBeside: (events: readonly StoredEvent[]) => Promise<void>;
  /** Remembers all tables. @returns sets them back to that, as the restoration of a backup does */
  readonly backup: () => Promise<() => Promise<void>>;
}

/** One promise. */
export type Case = ConformanceCase<UnitLogContext>;

export const ANN: Sender = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
export const BOB: Sender = { subject: 'bob', replicaId: '00000000-0000-4000-8000-00000000000b' };
export const NOBODY: Sender = { subject: '', replicaId: '00000000-0000-4000-8000-00000000000c' };
export const NO: { readonly code: string; readonly message: string } = { code: 'NO', message: 'No.' };
export const KEY: Uint8Array<ArrayBuffer> = new Uint8Array(32).fill(7);
export const SEALED: UnitLogOptions = { seals: { keys: [KEY] }, clock: { nowMs: () => 1_764_000_000_000 } };

export const kindsOf = ({ decisions }: PushOutcome): readonly Decision['kind'][] => decisions.map(({ kind }) => kind);

export async function endOf(log: UnitLog): Promise<string> {
  return (await readLog(log)).cursor;
}

/** What happens on a log after a place: the units that a device which stands there gets. */
export async function unitsAfter(log: UnitLog, cursor: string): Promise<readonly ConfirmedUnit[]> {
  return (await readLog(log, cursor)).units;
}

import { ProgrammingError } from '../../persistence/errors.js';

/** From where on a figure is worth a word. */
export interface DoctorThresholds {
  /** Events that a projection, or who tracks a log, has not seen yet. @defaultValue 10,000 */
  readonly lagWarning: number;
  /** @defaultValue 1,000,000 */
  readonly lagCritical: number;
  /** Messages that wait in an outbox. @defaultValue 1,000 */
  readonly backlogWarning: number;
  /** @defaultValue 100,000 */
  readonly backlogCritical: number;
  /** How long the oldest of them has waited, in milliseconds. @defaultValue 300,000, five minutes */
  readonly backlogAgeMs: number;
  /** How long a transaction is open, in milliseconds: what is deleted meanwhile stays on the disk. @defaultValue 300,000 */
  readonly transactionAgeMs: number;
  /** Of the connections that a server takes, 0 to 1. @defaultValue 0.8 */
  readonly connectionShare: number;
  /** Of the rows of a table those that are dead, 0 to 1. @defaultValue 0.2 */
  readonly deadShare: number;
  /** Below so many dead rows a table is not worth a word. @defaultValue 10,000 */
  readonly deadRows: number;
  /** Size of an index that nobody reads, in bytes. @defaultValue 16,777,216 */
  readonly unusedIndexBytes: number;
  /** How long nobody must have read it, in milliseconds: so long uses have to be counted. @defaultValue 604,800,000, a week */
  readonly unusedIndexAgeMs: number;
  /** What a slot of replication holds back, in bytes. @defaultValue 1,073,741,824: 1 GiB */
  readonly slotBytesWarning: number;
  /** The same. @defaultValue 17,179,869,184: 16 GiB */
  readonly slotBytesCritical: number;
  /** Transactions since a table's oldest row was frozen; at 2,147,483,648 nothing can be written. @defaultValue 1,000,000,000 */
  readonly transactionIdAge: number;
}

const DEFAULTS: DoctorThresholds = {
  lagWarning: 10_000,
  lagCritical: 1_000_000,
  backlogWarning: 1_000,
  backlogCritical: 100_000,
  backlogAgeMs: 300_000,
  transactionAgeMs: 300_000,
  connectionShare: 0.8,
  deadShare: 0.2,
  deadRows: 10_000,
  unusedIndexBytes: 16 * 1024 * 1024,
  unusedIndexAgeMs: 7 * 86_400_000,
  slotBytesWarning: 2 ** 30,
  slotBytesCritical: 2 ** 34,
  transactionIdAge: 1_000_000_000,
};

/**
 * With the defaults of what is not said.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one is no number, 0 or more, or there is none of that name
 */
export function thresholdsOf(given: Partial<DoctorThresholds> = {}): DoctorThresholds {
  const values: Readonly<Record<string, unknown>> = given;
  for (const [name, value] of Object.entries(values)) {
    const details = { option: `thresholds.${name}` };
    if (!Object.hasOwn(DEFAULTS, name)) {
      const names = Object.keys(DEFAULTS).join(', ');
      throw new ProgrammingError(`thresholds has no ${name}: they are ${names}.`, { details });
    }
    if (value === undefined || (typeof value === 'number' && value >= 0)) continue;
    throw new ProgrammingError(`thresholds.${name} must be a number, 0 or more, but is ${JSON.stringify(value)}.`, {
      details,
    });
  }
  const said = Object.entries(values).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...(Object.fromEntries(said) as Partial<DoctorThresholds>) };
}

/**
 * Brings a log into another one, each unit once: that of a hub into PostgreSQL, as a replica of it.
 *
 * ```text
 * read what follows the place ──▶ push it, in the name of who had sent it ──▶ keep the place ──▶ …
 *                                    │
 *                                    ├─ killed before the place is kept: pushed again, and known there by its id
 *                                    ├─ not to be reached: again, later, from the place
 *                                    └─ refused, or something else stands in its place: stopped, with what and why
 * ```
 *
 * Invariants:
 * 1. The order of the other log is that of this one: nothing is pushed before what stands before it was taken.
 * 2. The place is kept with the hash of all before it: of a log that was set back, all of it is pushed once more.
 *
 * @module
 */
import { IntegrityError } from '../persistence/errors.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { CURSOR_START } from '../persistence/unit.js';
import type { Cursor, PendingUnit } from '../persistence/unit.js';
import type { AlarmJob, AlarmJobResult } from '../durable-object/alarm-job.js';
import type { SentUnits, StoredUnitLog, UnitLog } from '../server/index.js';

const TABLE = 'daybook_forward';
const LIMITS = { eventsMax: 500, bytesMax: 1_048_576 };

/** Another log, opened for as long as it is used. */
export interface ForwardTarget {
  /** A `PostgresUnitLog`, for example. Nobody else writes to it. */
  readonly log: Pick<UnitLog, 'push'>;
  /** Lets go of it. */
  readonly close?: (() => Promise<void>) | undefined;
}

/** Options of {@link LogForwarding}. */
export interface ForwardOptions {
  /**
   * Opens the log that is to have what this one has. Called for each run, because what a Worker has open is of one event only.
   *
   * @example
   * ```ts
   * const open = async () => {
   *   const { connectionString } = env.HYPERDRIVE;
   *   const pool = await createPgPool({ connectionString, poolSize: 1, maxOverflow: 0 });
   *   const recorder = new PostgresProcessRecorder({ pool, applicationName: 'stockcount' });
   *   return { log: new PostgresUnitLog({ recorder }), close: () => pool.end() };
   * };
   * ```
   */
  readonly open: () => Promise<ForwardTarget>;
  /** Who brings it, as the other log's operators see it: the replica of all of it. @defaultValue `hub` */
  readonly replicaId?: string | undefined;
}

/**
 * A log cannot have what another one has: something else stands in its place, or it is refused. Nothing was passed over. `details`
 * have the `unit`, and the `code` with which it was refused.
 */
export class ForwardStoppedError extends IntegrityError {
  static override readonly code: string = 'FORWARD_STOPPED';
}

/** How far a log has been brought into another one. */
export interface ForwardStanding {
  /** Up to which position of this log; 0 where it has not begun. */
  readonly position: number;
  /** The end of this log. */
  readonly head: number;
}

/** Brings a log into another one. */
export class LogForwarding implements AlarmJob {
  readonly name = 'forward';
  readonly #recorder: SqlRecorder;
  readonly #source: Pick<StoredUnitLog, 'sentAfter' | 'head'>;
  readonly #options: ForwardOptions;

  /**
   * @param recorder - keeps the place
   * @param source - the log that is brought
   */
  constructor(recorder: SqlRecorder, source: Pick<StoredUnitLog, 'sentAfter' | 'head'>, options: ForwardOptions) {
    this.#recorder = recorder;
    this.#source = source;
    this.#options = options;
  }

  /** Creates the table in which the place is kept, where it is missing. */
  async createTable(): Promise<void> {
    await this.#recorder.query(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL, position INTEGER NOT NULL)`,
    );
  }

  /** How far it is. */
  async standing(): Promise<ForwardStanding> {
    const { rows } = await this.#recorder.query(`SELECT position FROM ${TABLE}`);
    return { position: Number(rows[0]?.['position'] ?? 0), head: await this.#source.head() };
  }

  /**
   * Brings all that there is now.
   *
   * @throws ForwardStoppedError (`FORWARD_STOPPED`) when the other log refuses a unit, or has something else in its place:
   *   `details.unit`, and `details.code` where it was refused
   * @throws what the other log throws, when it cannot be reached
   */
  async run(): Promise<AlarmJobResult> {
    let part = await this.#source.sentAfter(await this.#place(), LIMITS);
    // The log was set back: what the other one has of it is known there.
    part ??= await this.#source.sentAfter(CURSOR_START, LIMITS);
    if (part === undefined || part.units.length === 0) return {};
    const target = await this.#options.open();
    try {
      while (part !== undefined && part.units.length > 0) {
        await this.#push(target, part);
        await this.#keep(part);
        part = await this.#source.sentAfter(part.to, LIMITS);
      }
    } finally {
      await target.close?.();
    }
    return {};
  }

  async #push({ log }: ForwardTarget, { units }: SentUnits): Promise<void> {
    for (const { author, sent } of byAuthor(units)) {
      const { decisions, conflict } = await log.push(sent, {
        subject: author,
        replicaId: this.#options.replicaId ?? 'hub',
      });
      if (conflict !== undefined) throw stopped(conflict, 'has something else in its place');
      const refused = decisions.find(({ kind }) => kind === 'rejected');
      if (refused?.kind === 'rejected') throw stopped(refused.id, `refuses it: ${refused.message}`, refused.code);
    }
  }

  async #place(): Promise<Cursor> {
    const { rows } = await this.#recorder.query(`SELECT cursor FROM ${TABLE}`);
    return rows[0] === undefined ? CURSOR_START : String(rows[0]['cursor']);
  }

  async #keep({ to, position }: SentUnits): Promise<void> {
    await this.#recorder.query(
      `INSERT INTO ${TABLE} (id, cursor, position) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, position = excluded.position`,
      [to, position],
    );
  }
}

/** Units that follow each other, by who had sent them. */
function byAuthor(
  units: SentUnits['units'],
): readonly { readonly author: string; readonly sent: readonly PendingUnit[] }[] {
  const groups: { author: string; sent: PendingUnit[] }[] = [];
  for (const { id, edition, events, isCommutative, scopes, after, origin } of units) {
    const unit = { id, events, isCommutative, scopes, after, firstNotificationId: 0 };
    const last = groups.at(-1);
    const group = last?.author === origin.author ? last : { author: origin.author, sent: [] };
    if (group !== last) groups.push(group);
    group.sent.push(edition === undefined ? unit : { ...unit, edition });
  }
  return groups;
}

function stopped(unit: string, why: string, code?: string): ForwardStoppedError {
  return new ForwardStoppedError(
    `The log cannot be brought on: the other one ${why}. Nothing was passed over. Let nobody else write to that log, or take out what stands there, and start the object anew.`,
    { details: { unit, ...(code === undefined ? {} : { code }) } },
  );
}

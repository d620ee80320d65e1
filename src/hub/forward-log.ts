/**
 * Brings the log of an object into another one by the object's alarm: that of a hub into PostgreSQL, as a replica of it.
 *
 * ```text
 * nothing after the place ──▶ nothing is opened
 * else ──▶ what the other log lacks is brought (log-copy.ts), and the place kept after each part
 *            ├─ killed before the place is kept: the other log says where it ends
 *            ├─ not to be reached: again, later
 *            └─ cannot have it: kept as how it stands, and looked at again, later: until somebody has seen to it
 * ```
 *
 * Invariants:
 * 1. The object's log is the one that decides. Nothing comes back from the other one, to which nobody else writes.
 * 2. No state is for good: whatever has stopped it is asked again, and when it is gone, the rest is brought.
 *
 * @module
 */
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { CURSOR_START } from '../persistence/unit.js';
import type { Cursor } from '../persistence/unit.js';
import type { AlarmJob, AlarmJobResult } from '../durable-object/alarm-job.js';
import { systemClock } from '../util/clock.js';
import { broughtParts, ForwardStoppedError } from './log-copy.js';
import type { BroughtPart, CopiedLog, ForwardStop, LogCopyTarget } from './log-copy.js';

const TABLE = 'daybook_forward';
const ANYTHING = { eventsMax: 1, bytesMax: 1 };

/** Another log, opened for as long as it is used. */
export interface ForwardTarget {
  /** A `PostgresUnitLog`, for example. Nobody else writes to it. */
  readonly log: LogCopyTarget;
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

/** What has stopped a log from being brought into another one. */
export interface ForwardStopped {
  readonly reason: ForwardStop;
  /** For people: what it is, and what to do. */
  readonly message: string;
  /** The unit that the other log cannot have, where that is known. */
  readonly unit?: string | undefined;
  /** When it was seen last, in milliseconds since 1970. */
  readonly atMs: number;
}

/** How far a log has been brought into another one. */
export interface ForwardStanding {
  /** Up to which position of this log; 0 where it has not begun. */
  readonly position: number;
  /** The end of this log. */
  readonly head: number;
  /** Why it does not get on, where that is not for the other log being away. */
  readonly stopped?: ForwardStopped | undefined;
}

/** Brings a log into another one. */
export class LogForwarding implements AlarmJob {
  readonly name = 'forward';
  readonly #recorder: SqlRecorder;
  readonly #source: CopiedLog;
  readonly #options: ForwardOptions;

  /**
   * @param recorder - keeps the place
   * @param source - the log that is brought
   */
  constructor(recorder: SqlRecorder, source: CopiedLog, options: ForwardOptions) {
    this.#recorder = recorder;
    this.#source = source;
    this.#options = options;
  }

  /** Creates the table in which the place is kept, where it is missing. */
  async createTable(): Promise<void> {
    await this.#recorder.query(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL, position INTEGER NOT NULL, stopped TEXT)`,
    );
  }

  /** How far it is. */
  async standing(): Promise<ForwardStanding> {
    const { rows } = await this.#recorder.query(`SELECT position, stopped FROM ${TABLE}`);
    const { position = 0, stopped } = rows[0] ?? {};
    return {
      position: Number(position),
      head: await this.#source.head(),
      ...(typeof stopped === 'string' ? { stopped: JSON.parse(stopped) as ForwardStopped } : {}),
    };
  }

  /**
   * Brings all that there is now.
   *
   * @returns with a `failure` where the other log cannot have it, a `ForwardStoppedError` (`FORWARD_STOPPED`): it is kept, and tried
   *   again later, because somebody may have seen to it
   * @throws what the other log throws, when it cannot be reached
   */
  async run(): Promise<AlarmJobResult> {
    const next = await this.#source.sentAfter(await this.#place(), ANYTHING);
    if (next?.units.length === 0) return {};
    const target = await this.#options.open();
    try {
      for await (const part of broughtParts(this.#source, target.log, this.#options.replicaId)) await this.#keep(part);
    } catch (error) {
      if (!(error instanceof ForwardStoppedError)) throw error;
      await this.#keepStopped(error);
      return { failure: { error } };
    } finally {
      await target.close?.();
    }
    return {};
  }

  async #place(): Promise<Cursor> {
    const { rows } = await this.#recorder.query(`SELECT cursor FROM ${TABLE}`);
    return rows[0] === undefined ? CURSOR_START : String(rows[0]['cursor']);
  }

  async #keep({ to, position }: BroughtPart): Promise<void> {
    await this.#recorder.query(
      `INSERT INTO ${TABLE} (id, cursor, position) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor, position = excluded.position, stopped = NULL`,
      [to, position],
    );
  }

  async #keepStopped({ message, details }: ForwardStoppedError): Promise<void> {
    const stopped: ForwardStopped = {
      reason: details['reason'] as ForwardStop,
      message,
      ...(typeof details['unit'] === 'string' ? { unit: details['unit'] } : {}),
      atMs: systemClock.nowMs(),
    };
    await this.#recorder.query(
      `INSERT INTO ${TABLE} (id, cursor, position, stopped) VALUES (1, $1, 0, $2)
        ON CONFLICT (id) DO UPDATE SET stopped = excluded.stopped`,
      [CURSOR_START, JSON.stringify(stopped)],
    );
  }
}

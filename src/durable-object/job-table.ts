import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';

/** When a job is due, and how often it has failed in a row: kept, because the object forgets both when it hibernates. */
export interface KeptJob {
  readonly dueAtMs: number | undefined;
  readonly failures: number;
}

const TABLE = 'daybook_jobs';

/** The jobs of an object, a row for each. Written when something has changed: every row costs. */
export class JobTable {
  readonly #recorder: SqlRecorder;
  readonly #kept = new Map<string, KeptJob>();

  constructor(recorder: SqlRecorder) {
    this.#recorder = recorder;
  }

  /** Creates the table where it is missing, and reads it. */
  async open(): Promise<void> {
    await this.#recorder.query(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (name TEXT PRIMARY KEY, due_at_ms INTEGER, failures INTEGER NOT NULL) WITHOUT ROWID`,
    );
    const { rows } = await this.#recorder.query(`SELECT name, due_at_ms, failures FROM ${TABLE}`);
    for (const { name, due_at_ms: due, failures } of rows) {
      this.#kept.set(String(name), { dueAtMs: due === null ? undefined : Number(due), failures: Number(failures) });
    }
  }

  get(name: string): KeptJob | undefined {
    return this.#kept.get(name);
  }

  async set(name: string, job: KeptJob): Promise<void> {
    const before = this.#kept.get(name);
    if (before?.dueAtMs === job.dueAtMs && before?.failures === job.failures) return;
    await this.#recorder.query(
      `INSERT INTO ${TABLE} (name, due_at_ms, failures) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET due_at_ms = excluded.due_at_ms, failures = excluded.failures`,
      [name, job.dueAtMs ?? null, job.failures],
    );
    this.#kept.set(name, job);
  }
}

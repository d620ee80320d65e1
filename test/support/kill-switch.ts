import type { RecorderTransaction } from '../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { DecoratedSqlRecorder } from './decorated-sql-recorder.js';

/** What a process that was killed leaves behind in the one that killed it. */
export class Killed extends Error {
  override readonly name: string = 'Killed';
}

/** Kills a process at one of its steps: there, and at every step that it would take afterwards, it gets no further. */
export class KillSwitch {
  readonly #killAt: number;
  #steps = 0;

  /** @param killAt - the number of the step, the first is 1; Infinity lets it live */
  constructor(killAt: number) {
    this.#killAt = killAt;
  }

  get hasKilled(): boolean {
    return this.#steps >= this.#killAt;
  }

  step(): void {
    this.#steps++;
    if (this.hasKilled) throw new Killed(`killed at step ${this.#killAt}`);
  }
}

/**
 * A recorder whose user can be killed: before and after each statement, before a transaction, before its commit, and
 * when the commit was done and the answer is on its way.
 */
export function killableRecorder(recorder: SqlRecorder, kill: KillSwitch): SqlRecorder {
  return new KillableRecorder(recorder, kill);
}

class KillableRecorder extends DecoratedSqlRecorder {
  readonly #kill: KillSwitch;

  constructor(recorder: SqlRecorder, kill: KillSwitch) {
    super(recorder, (queryable) => killableQueryable(queryable, kill));
    this.#kill = kill;
  }

  override async transaction<T>(work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>): Promise<T> {
    this.#kill.step();
    const result = await super.transaction(async (transaction) => {
      this.#kill.step();
      const done = await work(transaction);
      this.#kill.step();
      return done;
    });
    this.#kill.step();
    return result;
  }
}

function killableQueryable(queryable: SqlQueryable, kill: KillSwitch): SqlQueryable {
  return {
    async query(text, values) {
      kill.step();
      const result = await queryable.query(text, values);
      kill.step();
      return result;
    },
  };
}

/** An object whose asynchronous methods can be killed before and after what they do. */
export function killable<T extends object>(target: T, kill: KillSwitch, methods: readonly (keyof T & string)[]): T {
  return new Proxy(target, {
    get(object, property) {
      const value: unknown = Reflect.get(object, property, object);
      if (typeof value !== 'function') return value;
      const method = value as (...parameters: unknown[]) => unknown;
      if (!methods.includes(property as keyof T & string)) return method.bind(object);
      return async (...parameters: unknown[]) => {
        kill.step();
        const result = await method.apply(object, parameters);
        kill.step();
        return result;
      };
    },
  });
}

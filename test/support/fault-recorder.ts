import type { RecorderTransaction } from '../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';

/** The program is gone: nothing that it asks for is answered any more. */
export class KilledError extends Error {
  override readonly name: string = 'KilledError';
}

/** When a program is killed: at the n-th call, before the database hears of it, or before its answer is heard. */
export interface KillPlan {
  /** 1 and up. */
  readonly atCall: number;
  readonly when: 'before' | 'after';
}

/**
 * A recorder as a program sees it that is killed at some call: that call, and every later one, rejects. What was
 * committed until then stays.
 */
export function killedRecorder(recorder: SqlRecorder, plan: KillPlan): { recorder: SqlRecorder; calls: () => number } {
  let calls = 0;
  const call = async (work: () => Promise<unknown>): Promise<unknown> => {
    const number = ++calls;
    if (number > plan.atCall || (number === plan.atCall && plan.when === 'before')) throw new KilledError();
    const result = await work();
    if (number >= plan.atCall) throw new KilledError();
    return result;
  };
  return { recorder: guarded(recorder, call), calls: () => calls };
}

function guarded<T extends object>(target: T, call: (work: () => Promise<unknown>) => Promise<unknown>): T {
  return new Proxy(target, {
    get(inner, name) {
      const value: unknown = Reflect.get(inner, name, inner);
      if (name === 'connection') return guarded(value as SqlQueryable, call);
      if (typeof value !== 'function') return value;
      const method = value as (...given: unknown[]) => Promise<unknown>;
      if (name !== 'transaction') return (...given: unknown[]) => call(() => method.apply(inner, given));
      return (work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<unknown>) =>
        call(() => method.call(inner, (transaction: never) => work(guarded(transaction, call))));
    },
  });
}

import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';

/** A recorder that explains what is asked outside of transactions, before it is done. */
export function explainedRecorder(
  recorder: SqlRecorder,
  explain: (text: string, values: unknown[]) => Promise<void>,
): SqlRecorder {
  const query: SqlRecorder['query'] = async (text, values = []) => {
    await explain(text, values);
    return await recorder.query(text, values);
  };
  return new Proxy(recorder, {
    get(target, property) {
      if (property === 'query') return query;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

/**
 * Lets a query builder begin and end transactions inside a recorder's transaction, which it must not end itself.
 *
 * @module
 */
const SAVEPOINT = 'query_builder';
const JOINED: ReadonlyMap<string, readonly string[]> = new Map([
  ['begin', [`SAVEPOINT ${SAVEPOINT}`]],
  ['commit', [`RELEASE SAVEPOINT ${SAVEPOINT}`]],
  ['rollback', [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, `RELEASE SAVEPOINT ${SAVEPOINT}`]],
]);

/**
 * What to execute in the place of a statement: a savepoint for a transaction, anything else as it is.
 *
 * One such transaction at a time, because there is one connection: await each before the next.
 */
export function joinedStatements(statement: string): readonly string[] {
  const words = statement.trim().toLowerCase().replace(/;$/, '').split(/\s+/);
  // `rollback to sp1` ends a savepoint of the query builder's own, not the transaction.
  if (words[1] === 'to') return [statement];
  return JOINED.get(words[0] ?? '') ?? [statement];
}

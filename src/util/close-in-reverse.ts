/**
 * Calls closers, the last one first: what was opened later may stand on what was opened before. Each is called, also when
 * others fail.
 *
 * @param message - of the error
 * @throws AggregateError with what the closers rejected with
 */
export async function closeInReverse(closers: readonly (() => Promise<unknown>)[], message: string): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, message);
}

/**
 * Calls a listener when a signal is aborted; at once, when it is already.
 *
 * @returns calls it off
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted === true) listener();
  signal?.addEventListener('abort', listener);
  return () => signal?.removeEventListener('abort', listener);
}

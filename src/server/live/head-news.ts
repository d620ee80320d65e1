/**
 * What servers of the same logs tell each other, where their database does not tell it for them.
 *
 * ```text
 * push at one server ─▶ announce(tenant, head) ─▶ NATS, or whatever there is ─▶ listen(tenant) of each other one ─▶ looks
 * ```
 *
 * @module
 */

/**
 * News of logs among servers. A hint, which may be lost, come twice, or late: the log is looked at every two seconds while
 * anybody follows it. Nothing of what was recorded is in it.
 */
export interface HeadNews {
  /**
   * Tells the other servers that a log has moved. Nobody waits for it, and it throws nothing.
   *
   * @param tenant - empty where there is one log
   * @param head - the position of the end of the log
   */
  announce(tenant: string, head: number): void;
  /**
   * Calls back when another server may have moved a log.
   *
   * @param onNews - told where the log ends, where that is known: who knows that already need not look
   * @returns stops the calls
   */
  listen(tenant: string, onNews: (head?: number) => void): () => void;
}

/** Listens without being told where a log ends. */
export type ListenPlainly = (tenant: string, onNews: () => void) => () => void;

/** Listens to both at once. @returns `undefined` where there is neither */
export function listeningTo(
  listen: ListenPlainly | undefined,
  news: HeadNews | undefined,
): HeadNews['listen'] | undefined {
  if (listen === undefined && news === undefined) return undefined;
  return (tenant, onNews) => {
    // What others call back with is theirs, and no head.
    const stops = [listen?.(tenant, () => onNews()), news?.listen(tenant, onNews)].filter((stop) => stop !== undefined);
    return () => {
      for (const stop of stops) stop();
    };
  };
}

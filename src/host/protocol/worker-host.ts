/** What every worker offers to the main thread. */
export interface WorkerHost {
  /**
   * Takes a Web Lock that this worker holds as long as it lives, so that its death can be noticed. The first call, so that
   * it is noticed whatever the worker does.
   *
   * @returns whether it is held; there are no Web Locks in insecure contexts
   */
  holdAliveLock(lockName: string): Promise<boolean>;
}

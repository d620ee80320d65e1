/**
 * What the browser knows that makes another attempt worthwhile.
 *
 * @module
 */

/** The surroundings: whether there is a network, and when that may have changed. */
export interface WakeSources {
  /** Whether there is surely no network. `false` promises nothing. */
  isOffline(): boolean;
  /**
   * Calls a listener when the network came back or went, and when a person came back to the page.
   *
   * @returns stops the calls
   */
  onWake(listener: () => void): () => void;
  /**
   * Calls a listener when the page is about to be frozen, and when it goes on: what it holds it had better let go of.
   *
   * @returns stops the calls
   */
  onFreeze?(listener: (isFrozen: boolean) => void): () => void;
}

/** The page's own events; where there is no page (Node, a worker), what of it there is. */
export const pageWakeSources: WakeSources = {
  isOffline: () => (globalThis.navigator as Navigator | undefined)?.onLine === false,
  onWake(listener) {
    const stop = new AbortController();
    const { signal } = stop;
    for (const type of ['online', 'offline', 'focus', 'pageshow']) {
      (globalThis as Partial<EventTarget>).addEventListener?.(type, listener, { signal });
    }
    const page = globalThis.document as Document | undefined;
    page?.addEventListener(
      'visibilitychange',
      () => {
        if (page.visibilityState === 'visible') listener();
      },
      { signal },
    );
    return () => stop.abort();
  },
  onFreeze(listener) {
    const stop = new AbortController();
    const { signal } = stop;
    const page = globalThis.document as Document | undefined;
    page?.addEventListener('freeze', () => listener(true), { signal });
    page?.addEventListener('resume', () => listener(false), { signal });
    return () => stop.abort();
  },
};

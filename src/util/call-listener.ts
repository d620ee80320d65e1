/**
 * Calls a listener whose failure must not become that of whoever tells it: what it is told of has happened. The failure
 * is thrown where nobody catches it, as that of a listener of an `EventTarget` is.
 */
export function callListener(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

import { vi } from 'vitest';

/**
 * Collects what is thrown where nobody catches it, until mocks are restored. For Node, which has no `reportError`: there
 * it is thrown in a microtask, and would end the test's process.
 */
export function uncaughtErrors(): unknown[] {
  const errors: unknown[] = [];
  vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => {
    try {
      callback();
    } catch (error) {
      errors.push(error);
    }
  });
  return errors;
}

/**
 * What the device of the tests asks Vitest for, where there is none.
 *
 * @module
 */

interface Patience {
  readonly timeout: number;
  readonly interval: number;
}

async function waitUntil(condition: () => boolean | Promise<boolean>, { timeout, interval }: Patience): Promise<void> {
  const endMs = Date.now() + timeout;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`Not within ${timeout} ms.`);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

export const vi = { waitUntil };

function absent(): never {
  throw new Error('Only devices run here.');
}

export const expect: () => never = absent;
export const inject: () => never = absent;
export const onTestFinished: () => never = absent;
export const afterEach: () => never = absent;

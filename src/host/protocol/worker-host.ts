import { holdLock } from '../../origin/web-locks.js';
import { RELEASE } from './release.js';

/** How a worker introduces itself. */
export interface WorkerGreeting {
  /** Whether it holds the lock; there are no Web Locks in insecure contexts. */
  readonly isHeld: boolean;
  /** The release of the package that it is of. */
  readonly release: string;
}

/** What every worker offers to the main thread. */
export interface WorkerHost {
  /**
   * Takes a Web Lock that this worker holds as long as it lives, so that its death can be noticed. The first call, so that
   * it is noticed whatever the worker does. The first release answered with a boolean.
   */
  holdAliveLock(lockName: string): Promise<WorkerGreeting>;
}

/** Implements {@link WorkerHost}. */
export async function holdAliveLock(lockName: string): Promise<WorkerGreeting> {
  // Nobody else knows of it.
  const taken = (): Error => new Error(lockName);
  return { isHeld: (await holdLock(lockName, 'exclusive', taken)) !== undefined, release: RELEASE };
}

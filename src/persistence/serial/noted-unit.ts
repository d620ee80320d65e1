import type { ChangeFeed } from '../store-changes.js';
import type { UnitOfWork } from './unit-of-work.js';

/** Units after which a feed tells what was noted in them. */
export function noting(unit: UnitOfWork, changes: Pick<ChangeFeed, 'committed' | 'rolledBack'>): UnitOfWork {
  return {
    run(work) {
      try {
        const result = unit.run(work);
        changes.committed();
        return result;
      } catch (error) {
        changes.rolledBack();
        throw error;
      }
    },
    runAsync(work, isOver) {
      // That it cannot begin is thrown at once, and nothing is noted then.
      return unit.runAsync(work, isOver).then(
        (result) => {
          changes.committed();
          return result;
        },
        (error: unknown) => {
          changes.rolledBack();
          throw error;
        },
      );
    },
  };
}

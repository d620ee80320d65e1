/**
 * Several changes made one, or none.
 *
 * The work is a callback, because that is all that some engines offer: a Durable Object commits when it returns and rolls
 * back when it throws. For engines that begin, commit and roll back as separate steps, {@link steppedUnit} makes the one
 * of the other.
 *
 * @module
 */
import { InterfaceError } from '../errors.js';

/** Units of one connection. They nest: what is begun last is ended first. */
export interface UnitOfWork {
  /**
   * Runs work that waits for nothing.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when another connection writes; the
   *   work was not called
   * @throws what the work threw, after the roll back
   */
  run<T>(work: () => T): T;
  /**
   * Runs work that waits in between. Nobody else uses the connection meanwhile.
   *
   * @param isOver - whether a unit around this one has ended, and this one with it: then nothing is left to end
   * @throws as {@link UnitOfWork.run}; that it cannot begin at once, and not by the promise
   */
  runAsync<T>(work: () => Promise<T>, isOver: () => boolean): Promise<T>;
}

/** The steps of a unit, for an engine that has them one by one. */
export interface UnitSteps {
  /** @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when another connection writes */
  begin(): void;
  commit(): void;
  rollback(): void;
}

/** Makes a unit of its steps. */
export function steppedUnit(steps: UnitSteps): UnitOfWork {
  return {
    run(work) {
      steps.begin();
      try {
        const result = work();
        steps.commit();
        return result;
      } catch (error) {
        rollBack(steps);
        throw error;
      }
    },
    runAsync(work, isOver) {
      steps.begin();
      return settled(steps, work, isOver);
    },
  };
}

async function settled<T>(steps: UnitSteps, work: () => Promise<T>, isOver: () => boolean): Promise<T> {
  try {
    const result = await work();
    if (isOver()) throw transactionEnded();
    steps.commit();
    return result;
  } catch (error) {
    // Once a unit around it has ended, a roll back would hit whatever came after it.
    if (!isOver()) rollBack(steps);
    throw error;
  }
}

function rollBack(steps: UnitSteps): void {
  try {
    steps.rollback();
  } catch {
    // An engine that fails badly, on a full disk for example, has rolled back by itself. The first error is the one that counts.
  }
}

/** The error of a call that comes after its transaction. */
export function transactionEnded(): InterfaceError {
  return new InterfaceError('The transaction has ended. Use it only until its work settles, and await every call.');
}

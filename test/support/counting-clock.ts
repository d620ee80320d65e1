import { ManualClock } from '../../src/testing/manual-clock.js';
import type { Clock } from '../../src/util/clock.js';

/** A manual clock that knows how many timers are open. */
export class CountingClock extends ManualClock implements Clock {
  openCount = 0;

  override schedule(callback: () => void, delayMs: number): () => void {
    let isOpen = true;
    const end = (): void => {
      if (isOpen) this.openCount--;
      isOpen = false;
    };
    this.openCount++;
    const callOff = super.schedule(() => {
      end();
      callback();
    }, delayMs);
    return () => {
      end();
      callOff();
    };
  }
}

/**
 * A store of which only a page may change anything: what an exchange asks for is read from it, and what it would write is
 * left to the next page, which asks the server the same and is answered the same.
 *
 * @module
 */
import { InternalError } from '../persistence/errors.js';
import type { NotificationId } from '../persistence/stored-event.js';
import type { LostUnit, PendingUnit, UnitId } from '../persistence/unit.js';
import type { SetAsideReason, UnitLimits, UnitRecorder } from '../persistence/unit-recorder.js';
import type { ExchangedUnits } from '../sync/exchange/exchange-work.js';

/** Reads one store, and remembers what a server has refused. */
export class SentUnits implements ExchangedUnits {
  readonly #recorder: Pick<UnitRecorder, 'selectPendingUnits' | 'selectLostUnits'>;
  readonly #refused = new Set<UnitId>();

  constructor(recorder: Pick<UnitRecorder, 'selectPendingUnits' | 'selectLostUnits'>) {
    this.#recorder = recorder;
  }

  /** Whether something was refused, and waits for a page to set it aside. */
  get hasRefused(): boolean {
    return this.#refused.size > 0;
  }

  async selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    for (let from = after; ;) {
      const units = await this.#recorder.selectPendingUnits(from, limits);
      const last = units.at(-1);
      const unsaid = units.filter(({ id }) => !this.#refused.has(id));
      if (last === undefined || unsaid.length > 0) return unsaid;
      from = last.firstNotificationId + last.events.length - 1;
    }
  }

  setAside(refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[]): Promise<readonly UnitId[]> {
    for (const { id } of refused) this.#refused.add(id);
    return Promise.resolve([]);
  }

  selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]> {
    return this.#recorder.selectLostUnits(after, limits);
  }

  insertPage(): Promise<never> {
    return Promise.reject(onlyByPage());
  }

  selectSuperseded(): Promise<never> {
    return Promise.reject(onlyByPage());
  }

  decide(): Promise<never> {
    return Promise.reject(onlyByPage());
  }

  rewind(): Promise<never> {
    return Promise.reject(onlyByPage());
  }

  followAnew(): Promise<never> {
    return Promise.reject(onlyByPage());
  }

  endHeal(): Promise<never> {
    return Promise.reject(onlyByPage());
  }
}

function onlyByPage(): InternalError {
  return new InternalError('A service worker changes nothing of a store.');
}

/**
 * What browsers of a real run have lost, and what may be gone with it. Of what a browser loses by itself nothing may be, but
 * for what the store names when it is opened again; of what somebody has thrown away with the copy, whatever only he had.
 *
 * @module
 */
import type { ThrownAway } from '../../soak/background-chromium.js';
import type { LogAudit } from '../checks/log-audit.js';
import type { Witness } from '../checks/witness.js';
import type { RealOpening } from './real-messages.js';

/** What was lost, in numbers. */
export interface LossCounts {
  /** Browsers that have thrown something away. */
  evictions: number;
  /** Units that were brought back from the copy beside the store. */
  restoredUnits: number;
  /** Openings that have said that something is gone. */
  losses: number;
  /** Commits that nobody holds any more, and nobody had promised to. */
  forgiven: number;
}

/** Remembers it. */
export class RealLosses {
  readonly counts: LossCounts = { evictions: 0, restoredUnits: 0, losses: 0, forgiven: 0 };
  readonly #witness: Witness;
  readonly #audit: LogAudit;
  readonly #mayBeGone = new Set<string>();

  constructor(witness: Witness, audit: LogAudit) {
    this.#witness = witness;
    this.#audit = audit;
  }

  /** To be called when the browser of a device has thrown that away, and before it is opened again. */
  async noteEviction(device: string, what: ThrownAway): Promise<void> {
    this.counts.evictions++;
    await this.#audit.look();
    for (const [intent, { mayBeIdle }] of this.#onlyOn(device)) {
      // That it was withdrawn is in no copy.
      if (what !== 'databases' || mayBeIdle) this.#mayBeGone.add(intent);
    }
  }

  /** To be called with what came of opening its store. */
  async noteOpening(device: string, { restoredUnits = 0, loss }: RealOpening): Promise<void> {
    this.counts.restoredUnits += restoredUnits;
    if (loss === undefined) return;
    this.counts.losses++;
    await this.#audit.look();
    const named = loss.units === undefined ? undefined : new Set(loss.units);
    for (const [intent, { unit }] of this.#onlyOn(device)) {
      if (named === undefined || named.has(unit ?? '')) this.#mayBeGone.add(intent);
    }
  }

  /** Whether somebody may have lost it; then it is forgiven. */
  forgive(intent: string): boolean {
    const acknowledged = this.#witness.acknowledged.get(intent);
    if (acknowledged === undefined || !this.#mayBeGone.has(intent)) return false;
    acknowledged.isForgiven = true;
    this.counts.forgiven++;
    return true;
  }

  /** Wishes of a device that no log has. */
  *#onlyOn(
    device: string,
  ): Generator<readonly [intent: string, Readonly<{ unit: string | undefined; mayBeIdle: boolean }>]> {
    for (const one of this.#witness.owed()) if (one[1].by === device && !this.#audit.intents.has(one[0])) yield one;
  }
}

/**
 * Pages into the store, and with them what is decided again of the units that give way.
 *
 * ```text
 * not the last page ──▶ what gives way is deferred
 * the last page     ──▶ what is to be decided, and on what? ──▶ decided ──▶ the page and the decisions are one commit
 *                                    ▲                             │ something was recorded meanwhile
 *                                    └─────────────────────────────┘
 * ```
 *
 * So a unit is decided once for all that has come, and not once for each page.
 *
 * @module
 */
import type {
  DecideAgainOptions,
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  Superseded,
  UnitRecorder,
} from '../../persistence/unit-recorder.js';
import type { UnitPage } from '../../persistence/unit.js';
import type { BeatenUnits } from './beaten-units.js';
import type { UnitsFollower } from './changed-units.js';
import { callListener, reportFailure } from '../../util/listeners.js';

// Each time somebody has recorded something in the meantime, which takes less long than to wait for the next page.
const ATTEMPTS_MAX = 20;

/** Decides again what gave way, and keeps its views with it: an `Application`. */
export interface UnitDecider<Rebased = unknown> extends UnitsFollower {
  /** @returns a decision for each unit in its order, and what to say of them */
  decideAgain(
    superseded: Superseded,
    options?: DecideAgainOptions,
  ): Promise<{ readonly decided: readonly DecidedUnit[]; readonly units: readonly Rebased[] }>;
  /** As `Application.decideHeldBack`. @defaultValue nothing is held back */
  decideHeldBack?(): Promise<readonly Rebased[]>;
}

/** What a {@link PageIntake} needs. */
export interface PageIntakeOptions {
  readonly recorder: Pick<UnitRecorder, 'insertPage' | 'selectSuperseded' | 'decide' | 'endHeal'>;
  /** As `InsertPageOptions.ownOnly`. */
  readonly ownOnly: boolean;
  /** Without one, what gives way is set aside. */
  readonly decider: UnitDecider | undefined;
  /** Told of what was decided, once it is recorded. */
  readonly onRebased: ((units: readonly unknown[]) => void) | undefined;
  /** Knows which units are given up. @defaultValue none */
  readonly beaten?: Pick<BeatenUnits, 'givenUp'> | undefined;
}

/** Takes pages. */
export class PageIntake {
  readonly #options: PageIntakeOptions;
  /** Whether something may have been deferred: by this one, or by whoever took pages before. */
  #mayBeDeferred = true;
  /** Whether another release of the application may have run before, which could not decide something. */
  #mayBeHeldBack = true;

  constructor(options: PageIntakeOptions) {
    this.#options = options;
  }

  /** Stores a page. @param offered - as `InsertPageOptions.offered` @throws as the recorder does */
  async insert(page: UnitPage, offered?: EndOfHealing): Promise<PageOutcome> {
    const { recorder, ownOnly, decider } = this.#options;
    const options = offered === undefined ? { ownOnly } : { ownOnly, offered };
    if (decider === undefined) return await recorder.insertPage(page, options);
    // What it stands for can be decided on when it is here.
    const isLast = page.position >= page.head && page.bootstrap === undefined;
    if (!isLast) return await this.#defer(page, options);
    let outcome = await recorder.insertPage(page, { ...options, superseding: 'decide' });
    for (let attempt = 1; outcome.superseded !== undefined; attempt++) {
      const decision = attempt > ATTEMPTS_MAX ? undefined : await this.#decide(decider, outcome.superseded);
      // Nothing of the page depends on it.
      if (decision === undefined) return await this.#defer(page, options);
      const { decided, units } = decision;
      this.#mayBeDeferred ||= outcome.superseded.hasMore;
      outcome = await recorder.insertPage(page, { ...options, superseding: 'decide', decided });
      if (outcome.isStored) this.#tell(units);
    }
    return outcome;
  }

  /** Ends healing; what stood on what is lost is decided again by {@link settle}. @throws as the recorder does */
  async endHeal(healing: EndOfHealing): Promise<void> {
    const { recorder, decider } = this.#options;
    this.#mayBeDeferred = true;
    await recorder.endHeal(decider === undefined ? healing : { ...healing, superseding: 'defer' });
  }

  /** Decides what was deferred. To be called at the end of the log. @throws as the recorder does */
  async settle(): Promise<void> {
    const { recorder, decider } = this.#options;
    for (let attempt = 1; decider !== undefined && this.#mayBeDeferred && attempt <= ATTEMPTS_MAX;) {
      const superseded = await recorder.selectSuperseded();
      if (superseded.units.length === 0) {
        this.#mayBeDeferred = false;
        break;
      }
      const decision = await this.#decide(decider, superseded);
      if (decision === undefined) return;
      if (await recorder.decide(decision.decided)) this.#tell(decision.units);
      else attempt++;
    }
    if (this.#mayBeHeldBack && decider?.decideHeldBack !== undefined) {
      const units = await reported(async () => (await decider.decideHeldBack?.()) ?? []);
      if (units === undefined) return;
      this.#mayBeHeldBack = false;
      this.#tell(units);
    }
  }

  async #defer(page: UnitPage, options: InsertPageOptions): Promise<PageOutcome> {
    this.#mayBeDeferred = true;
    return await this.#options.recorder.insertPage(page, { ...options, superseding: 'defer' });
  }

  /** @returns undefined when it failed, which is reported: it is tried again at the next occasion */
  async #decide(
    decider: UnitDecider,
    superseded: Superseded,
  ): Promise<Awaited<ReturnType<UnitDecider['decideAgain']>> | undefined> {
    return await reported(async () => {
      const decision = await decider.decideAgain(superseded, { givenUp: this.#options.beaten?.givenUp });
      const ids = new Set(decision.decided.map(({ id }) => id));
      if (superseded.units.every(({ id }) => ids.has(id))) return decision;
      throw new TypeError('decideAgain has left a unit out. Each needs a decision, or a reason why it has none.');
    });
  }

  #tell(units: readonly unknown[]): void {
    const { onRebased } = this.#options;
    if (onRebased !== undefined && units.length > 0) callListener(() => onRebased(units));
  }
}

/** @returns undefined where it fails, which is reported */
async function reported<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    reportFailure(error);
    return undefined;
  }
}

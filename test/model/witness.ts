/**
 * What somebody who sees everything remembers of a run, to be compared with what is there at its end.
 *
 * @module
 */
import type { LoggedUnit } from './model-log.js';
import type { PlacedEvent } from './unit-types.js';

/** An intent that was recorded, and acknowledged to whoever had it. */
export interface Acknowledged {
  readonly tenant: string;
  readonly by: string;
  /** Nobody holds it any more, and nobody can promise it back: two faults at once. */
  isForgiven: boolean;
  /** It was discarded by hand, or had nothing to do any more. */
  isGone: boolean;
  /** It was confirmed, and has left whoever recorded it: that is not who brings it back any more. */
  isTruncated: boolean;
}

export class Witness {
  readonly acknowledged = new Map<string, Acknowledged>();
  /** What was accepted, by tenant and edition. */
  readonly #accepted = new Map<string, LoggedUnit>();
  /** What strict units were decided on, by edition and aggregate. */
  readonly #decidedOn = new Map<string, string>();
  /** Something that nobody may ever see. */
  problem: string | undefined;

  fail(problem: string): void {
    this.problem ??= problem;
  }

  acknowledge(intent: string, tenant: string, by: string): void {
    this.acknowledged.set(intent, { tenant, by, isForgiven: false, isGone: false, isTruncated: false });
  }

  /** It was discarded by hand, or had nothing to do any more. */
  letGo(intent: string): void {
    const acknowledged = this.acknowledged.get(intent);
    if (acknowledged !== undefined) acknowledged.isGone = true;
  }

  accept(tenant: string, unit: LoggedUnit): void {
    this.#accepted.set(`${tenant}|${unit.edition}`, unit);
  }

  /** The unit as it was accepted; every part of it that is anywhere must be of this. */
  acceptedAs(tenant: string, edition: string): LoggedUnit | undefined {
    return this.#accepted.get(`${tenant}|${edition}`);
  }

  decide(edition: string, aggregate: string, payloads: readonly string[]): void {
    this.#decidedOn.set(`${edition}|${aggregate}`, payloads.join());
  }

  decidedOn(edition: string, aggregate: string): string | undefined {
    return this.#decidedOn.get(`${edition}|${aggregate}`);
  }
}

/** Events as a text to compare. */
export function said(events: readonly PlacedEvent[]): string {
  return events.map(({ index, aggregate, version, payload }) => `${index}:${aggregate}${version}=${payload}`).join();
}

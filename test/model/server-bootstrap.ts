/**
 * What a server gives to a new device instead of the whole log.
 *
 * - R10 Parts of a bootstrap are of one place of the log, whichever part it is: some aggregates each, with what stands for
 *   their first events where there is something, and all other events up to that place. The first part has those that the
 *   device has named, all of their events, and at once.
 *
 * @module
 */
import { AGGREGATES, OLD_AGGREGATE } from './domain.js';
import type { Base, BootstrapState } from './device-state.js';
import type { ModelLog } from './model-log.js';
import { headOf } from './model-log.js';
import type { Asker, ServerRules } from './server-rules.js';
import { knows, sealed } from './server-rules.js';
import type { ModelCursor, SealedUnit } from './unit-types.js';
import { hashText } from './unit-types.js';

const ALL = [...AGGREGATES, OLD_AGGREGATE];

export interface PartQuestion {
  /** `undefined` at the start. */
  readonly from: BootstrapState | undefined;
  /** Aggregates that something of the device's own is about. */
  readonly named: readonly string[];
  readonly limit: number;
}

export interface ModelPart {
  readonly from: BootstrapState | undefined;
  readonly at: ModelCursor;
  /** `undefined` after the last part. */
  readonly next: BootstrapState | undefined;
  readonly isHead: boolean;
  readonly aggregates: ReadonlyMap<string, Base | undefined>;
  /** Whole, as far as the reader may see them. */
  readonly units: readonly SealedUnit[];
}

export type PartAnswer = 'diverged' | 'rescoped' | 'none' | ModelPart;

/** R10. */
export function readPart(log: ModelLog, question: PartQuestion, asker: Asker, rules: ServerRules): PartAnswer {
  const { from, named, limit } = question;
  const head = { ...headOf(log), scopes: asker.scopes };
  const at = from === undefined || rules.mode.broken === 'part-elsewhere' ? head : from.at;
  if (at.position === 0) return 'none';
  if (!knows(log, at, rules)) return 'diverged';
  if (at.scopes !== asker.scopes) return 'rescoped';
  const isOfNamed = from === undefined && named.length > 0;
  const given = from?.given ?? 0;
  const some = isOfNamed ? named : ALL.slice(given, given + limit);
  const seen = isOfNamed ? some : some.filter((aggregate) => asker.maySee(aggregate));
  const aggregates = new Map(
    seen.map((aggregate) => [aggregate, isOfNamed ? undefined : baseOf(log, aggregate, at)] as const),
  );
  const units = log.units
    .filter(({ position, events }) => position <= at.position && events.some((event) => isAfter(event, aggregates)))
    .map((unit) =>
      sealed(
        log.tenant,
        unit,
        unit.events.filter(({ aggregate }) => asker.maySee(aggregate)),
        rules,
      ),
    );
  const next = isOfNamed ? { at, given: 0 } : { at, given: given + some.length };
  const isEnd = next.given >= ALL.length;
  const isHead = isEnd && at.position === head.position;
  return { from, at, next: isEnd ? undefined : next, isHead, aggregates, units };
}

/** Whether a part has an event of some aggregates. */
export function isAfter(
  { aggregate, version }: { readonly aggregate: string; readonly version: number },
  aggregates: ReadonlyMap<string, Base | undefined>,
): boolean {
  return aggregates.has(aggregate) && version > (aggregates.get(aggregate)?.version ?? 0);
}

/** A snapshot that somebody has made of the log as it was then, or none. */
function baseOf({ units }: ModelLog, aggregate: string, at: ModelCursor): Base | undefined {
  const rows = units
    .filter(({ position }) => position <= at.position)
    .flatMap((unit) => unit.events.filter((event) => event.aggregate === aggregate).map((event) => ({ event, unit })));
  const chance = Math.abs(hashText(at.hash, aggregate));
  if (rows.length < 2 || chance % 4 === 0) return undefined;
  const version = 1 + (chance % (rows.length - 1));
  const [last, anchor] = [rows[version - 1], rows[version]];
  if (last === undefined || anchor === undefined) return undefined;
  const payloads = rows.slice(0, version).map(({ event }) => event.payload);
  return { version, edition: last.unit.edition, position: anchor.unit.position, payloads };
}

/**
 * Takes back what a log has lost, from whoever holds it.
 *
 * After a server was set back, everybody who was there offers all of it, most often at one moment. So it is asked first, and
 * once more when it is their turn, what is there by now: what is known altogether waits for no lock. Who waits shares a
 * transaction with the others, in which each unit is decided once.
 *
 * ```text
 * offer ──▶ sealed here? ──▶ known? ──▶ all of it ──▶ answered
 *                              │ not all
 *                              ▼
 *                            with all who wait ──▶ known by now? ──▶ lock ─▶ adopt ─▶ decide ─▶ record ─▶ commit ──▶ answered
 *                                                                                        │ not all of it, or not yet
 *                                                                                        ▼
 *                            set aside ──▶ what it waits for has come, by whatever way ──▶ due ──▶ the same once more
 * ```
 *
 * @module
 */
import { editionOf } from '../../persistence/unit-edition.js';
import type { LostUnit, UnitId } from '../../persistence/unit.js';
import type { OriginatorIdType } from '../../persistence/validation.js';
import type { HealDecision } from '../../sync/protocol/index.js';
import type { Clock } from '../../util/clock.js';
import { aggregatesOf, decideLostUnits } from './decide-units.js';
import type { LogView, Refusal } from './decide-units.js';
import type { DecodedUnits, InlineUnits } from './inline-units.js';
import type { LogStorage, SetAsideRow } from './log-storage.js';
import type { LogWriter } from './log-writer.js';
import { ProvenUnits } from './proven-units.js';
import { PushQueue } from './push-queue.js';
import { recordDecided } from './record-units.js';
import type { Sender } from './unit-log.js';
import type { UnitSeals } from './unit-seals.js';
import { validateLostUnits } from './validate-units.js';
import { awaitedBy, isWhole, keptOffer } from './waiting-offers.js';

const UNFIT: Refusal = {
  code: 'CONFLICT',
  message: 'What it stood on is not there, or something else was recorded in its place since.',
};
const PARTIAL: Refusal = { code: 'PARTIAL', message: 'Who offered it had seen a part of it only.' };
const UNREAD: Refusal = { code: 'INVALID_REQUEST', message: 'The server could not read an event of it.' };
const STOPPED: Refusal = { code: 'STOPPED', message: 'Nothing is taken back: that is for an operator to decide.' };

// Of what has become due, in one transaction.
const DUE_ROWS = 200;
const DUE_BYTES = 4_194_304;
// As many occasions pass until it is tried again after it failed: the database, or who takes part, may be at fault, and
// whoever asks for a page is not to wait for that each time.
const DUE_PASSED = 10;

const NOTHING_ASIDE: ReadonlyMap<UnitId, SetAsideRow> = new Map();

/** What {@link LostOffers} need. */
export interface LostOffersParts {
  readonly storage: Pick<LogStorage, 'known' | 'due'>;
  readonly writer: LogWriter;
  readonly inline: InlineUnits;
  /** Without, everything is refused. */
  readonly seals: UnitSeals | undefined;
  readonly onLost: 'restore' | 'stop';
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly idType: OriginatorIdType;
}

/** An offer of units that are sealed, and of which some were not known. */
interface Offer {
  readonly units: readonly LostUnit[];
  readonly sender: Sender;
  readonly decoded: DecodedUnits;
  /** Units that those who take part could not read. */
  readonly unread: ReadonlySet<UnitId>;
}

type Kind = HealDecision['kind'];

/** Names a unit in one form: a log that was set back twice may have sealed two of one id. */
type FormKey = string;

/** Takes offers. */
export class LostOffers {
  readonly #parts: LostOffersParts;
  readonly #proven = new ProvenUnits();
  readonly #queue = new PushQueue((offers: readonly Offer[]) => this.#decide(offers));
  #passing = 0;

  constructor(parts: LostOffersParts) {
    this.#parts = parts;
  }

  /** As `UnitLog.heal`. */
  async take(units: readonly LostUnit[], sender: Sender): Promise<readonly HealDecision[]> {
    validateLostUnits(units, this.#parts.idType);
    const sound = await this.#sound(units);
    const kinds = new Map<LostUnit, Kind>(sound.map((unit) => [unit, 'known']));
    const unknown = await this.#unknown(sound);
    const { decoded, unread } = await this.#parts.inline.decodeEach(unknown.filter(isWhole));
    // More than once only where others offer another form of a unit at the same moment.
    for (let left = unknown; left.length > 0;) {
      const decided = await this.#queue.add({ units: left, sender, decoded, unread });
      left = left.filter((unit) => {
        const kind = decided.get(formOf(unit));
        if (kind !== undefined) kinds.set(unit, kind);
        return kind === undefined;
      });
    }
    if (unknown.length > 0) await this.#settleAsideOf(kinds);
    return units.map((unit) => ({ id: unit.id, kind: kinds.get(unit) ?? 'refused' }));
  }

  /** Some of what was set aside may be whole by now, or fit after what came with it. */
  async #settleAsideOf(kinds: Map<LostUnit, Kind>): Promise<void> {
    await this.settle();
    const aside = [...kinds].flatMap(([unit, kind]) => (kind === 'setAside' ? [unit] : []));
    const left = new Set(await this.#unknown(aside));
    for (const unit of aside) if (!left.has(unit)) kinds.set(unit, 'restored');
  }

  /**
   * Takes back what was set aside and has become due, until nothing more does. What fails is tried again some time later, and
   * is nobody's who asks meanwhile.
   */
  async settle(): Promise<void> {
    const { storage, inline, onLost } = this.#parts;
    if (onLost === 'stop' || this.#passing-- > 0) return;
    try {
      for (;;) {
        const due = await storage.due({ rows: DUE_ROWS, bytes: DUE_BYTES });
        if (due.length === 0) return;
        const { decoded, unread } = await inline.decodeEach(due.map(({ unit }) => unit));
        const offers = due.map(({ unit, offeredBy }): [LostUnit, Offer] => [
          unit,
          { units: [unit], sender: { subject: offeredBy, replicaId: '' }, decoded, unread },
        ]);
        await this.#restore(firstForms(offers.map(([, offer]) => offer)), 'restore', true);
      }
    } catch {
      this.#passing = DUE_PASSED;
    }
  }

  /**
   * Takes back units that were set aside, where they fit by now, whatever was to become of what is lost.
   *
   * @returns those that are in the log
   */
  async allow(units: readonly LostUnit[], offeredBy: string): Promise<ReadonlySet<UnitId>> {
    const { decoded, unread } = await this.#parts.inline.decodeEach(units.filter(isWhole));
    const offer: Offer = { units, sender: { subject: offeredBy, replicaId: '' }, decoded, unread };
    const kinds = await this.#restore(new Map(units.map((unit) => [unit, offer])), 'restore');
    return new Set(units.flatMap(({ id }) => (kinds.get(id) === 'setAside' ? [] : [id])));
  }

  /** Those that this log has sealed. */
  async #sound(units: readonly LostUnit[]): Promise<readonly LostUnit[]> {
    const { seals } = this.#parts;
    if (seals === undefined) return [];
    const isSound = await Promise.all(
      units.map(async (unit) => this.#proven.has(unit) || (await seals.isSound(unit, unit.origin.seal))),
    );
    const sound = units.filter((_, index) => isSound[index]);
    for (const unit of sound) if (!this.#proven.has(unit)) this.#proven.add(unit);
    return sound;
  }

  async #unknown(units: readonly LostUnit[]): Promise<readonly LostUnit[]> {
    if (units.length === 0) return [];
    const known = await this.#parts.storage.known([...new Set(units.map(({ id }) => id))]);
    return units.filter(({ id }) => !known.has(id));
  }

  /** Decides offers in one transaction, if there is anything left to decide by now. */
  async #decide(offers: readonly Offer[]): Promise<readonly ReadonlyMap<FormKey, Kind>[]> {
    const forms = firstForms(offers);
    const left = await this.#unknown([...forms.keys()]);
    const changed: ReadonlyMap<UnitId, Kind> =
      left.length === 0
        ? new Map()
        : await this.#restore(new Map(left.map((unit) => [unit, forms.get(unit) as Offer])), this.#parts.onLost);
    const kinds = new Map([...forms.keys()].map((unit) => [formOf(unit), changed.get(unit.id) ?? 'known']));
    return offers.map(() => kinds);
  }

  /**
   * @param forms - units, each with the offer that it is from
   * @param isHeld - whether only what is set aside just so is taken, and leaves that
   * @returns what became of those that are not known by now
   */
  async #restore(
    forms: ReadonlyMap<LostUnit, Offer>,
    onLost: LostOffersParts['onLost'],
    isHeld = false,
  ): Promise<ReadonlyMap<UnitId, Kind>> {
    const { writer, inline, clock } = this.#parts;
    const ids = [...forms.keys()].map(({ id }) => id);
    const isUnread = (unit: LostUnit): boolean => forms.get(unit)?.unread.has(unit.id) === true;
    const { kinds, notified } = await writer.locked(async (transaction, { head }) => {
      const held = isHeld ? await transaction.setAside(ids) : undefined;
      const units = [...forms.keys()].filter((unit) => held === undefined || isThere(held.get(unit.id), unit));
      const readable = units.filter((unit) => isWhole(unit) && !isUnread(unit));
      const offered = onLost === 'stop' ? [] : readable;
      const origins = new Map(units.map(({ id, origin }) => [id, origin]));
      const seen = await transaction.view({ ids: [...origins.keys()], aggregates: aggregatesOf(offered) });
      const view: LogView = { ...seen, position: head.position };
      const recorded = await recordDecided(transaction, {
        decide: (refusals) =>
          decideLostUnits(
            offered.filter(({ id }) => !refusals.has(id)),
            view,
          ),
        placedOf: ({ restored }) => restored,
        ...{ decoded: decodedOf(forms), chain: head.chain },
      });
      const { restored, unfit, ends } = recorded.decided;
      const placed = restored.map((unit) => {
        const { author, recordedAtMs } = origins.get(unit.id) as LostUnit['origin'];
        return { unit, origin: { author, recordedAtMs, replicaId: '' } };
      });
      const back = new Map(restored.map(({ id }) => [id, 'restored' as const]));
      const isUnfit = new Set(unfit);
      const ownReason = (unit: LostUnit): Refusal =>
        onLost === 'stop' ? STOPPED : isUnfit.has(unit) ? UNFIT : isUnread(unit) ? UNREAD : PARTIAL;
      const aside = units
        .filter(({ id }) => !view.known.has(id) && !back.has(id))
        .map((unit): SetAsideRow => ({
          ...{ unit, ...(recorded.refusals.get(unit.id) ?? ownReason(unit)) },
          ...{ offeredBy: forms.get(unit)?.sender.subject ?? '', offeredAtMs: clock.nowMs() },
          awaits: isUnfit.has(unit) ? awaitedBy(unit, ends) : undefined,
        }));
      const before =
        held ?? (aside.length === 0 ? NOTHING_ASIDE : await transaction.setAside(aside.map(({ unit }) => unit.id)));
      const setAside = aside.flatMap((row) => keptOffer(before.get(row.unit.id), row, onLost === 'stop') ?? []);
      const gone = new Set(isHeld ? units.flatMap(({ id }) => (view.known.has(id) || back.has(id) ? [id] : [])) : []);
      await writer.write(transaction, head, { ...recorded, placed, setAside, discarded: [...gone] });
      const notBack = aside.map(({ unit }) => [unit.id, 'setAside' as const] as const);
      return { kinds: new Map<UnitId, Kind>([...back, ...notBack]), notified: recorded.notified };
    });
    inline.committed(notified);
    return kinds;
  }
}

/** Whether a unit is set aside in the form that was read: somebody may have taken it out, or added to it. */
function isThere(row: SetAsideRow | undefined, unit: LostUnit): boolean {
  return row !== undefined && editionOf(row.unit) === editionOf(unit) && row.unit.events.length === unit.events.length;
}

function formOf({ id, origin }: LostUnit): FormKey {
  return origin.seal.reduce((key, byte) => key + String.fromCharCode(byte), id);
}

/**
 * Of each id the form that was offered first, with its offer, in the order of their old positions: what stands on something
 * comes after it.
 */
function firstForms(offers: readonly Offer[]): ReadonlyMap<LostUnit, Offer> {
  const forms = new Map<UnitId, readonly [LostUnit, Offer]>();
  for (const offer of offers) {
    for (const unit of offer.units) if (!forms.has(unit.id)) forms.set(unit.id, [unit, offer]);
  }
  return new Map([...forms.values()].sort(([one], [other]) => one.position - other.position));
}

function decodedOf(forms: ReadonlyMap<LostUnit, Offer>): DecodedUnits {
  return new Map(
    [...forms].flatMap(([{ id }, offer]) => {
      const events = offer.decoded.get(id);
      return events === undefined ? [] : [[id, events] as const];
    }),
  );
}

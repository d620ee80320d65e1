/**
 * The rules of the server as functions from a log to a log. Each is one transaction: what it answers and what it stores
 * belong together, and between two of them anything may happen.
 *
 * - R1 A unit is accepted at most once, whoever sends it and in whatever edition, or rejected with a reason that is kept. One
 *   that is known is answered from its row. One that another subject has sent is answered as if it were rejected, but for
 *   derived ids: whoever can derive one holds the event.
 * - R2 A strict event fits right after the very event that it was decided on: its version is the next one, and the edition
 *   that holds the version before is the one that it names. A unit of commutative events is given the next versions, and
 *   another edition where that is not where it stood. It does not fit a log that has nothing of an aggregate that it was
 *   recorded after something of.
 *   A push that was sent before the one before it was answered names the last unit of that: as long as the log knows nothing
 *   of it, or only from another subject, nothing new is decided.
 * - R3 The log is chained: a cursor is a position and a hash of everything up to it.
 * - R4 A page ends where a unit ends.
 * - R5 What is healed comes back as it was, whole, once, where it fits, and only what carries a sound seal. What does not
 *   fit, or not yet, is kept, and tried again whenever something has come.
 * - R6 Who may not see an aggregate may not write to it. That is no rejection for good: the same unit may come again.
 * - R7 What was inserted beside the server becomes units before anything else is done: each row one, under a derived id.
 * - R9 Who may see an aggregate is told a digest of its first events, so that a device knows that they are here.
 * - R8 Another scope is not another log: who has changed scopes is told so, and only of a log that has all that it holds.
 *
 * @module
 */
import type { KnownUnit, LoggedUnit, ModelLog } from './model-log.js';
import { append, hasCursor, headOf } from './model-log.js';
import type { Mode, Switch } from './switches.js';
import type {
  Edition,
  HealingKind,
  ModelCursor,
  ModelDecision,
  ModelEvent,
  ModelPage,
  PlacedEvent,
  PushedUnit,
  SealedUnit,
} from './unit-types.js';
import { derivedEdition, derivedId, hashText, START, unitOfEdition } from './unit-types.js';
import { digestOf } from './device-truncation.js';

/** Who asks, and what the application has to say about it. */
export interface Asker {
  readonly subject: string;
  /** The scopes that the subject has, as a text that identifies them. */
  readonly scopes: string;
  readonly maySee: (aggregate: string) => boolean;
  /** @returns a code, when the application refuses the unit for good */
  readonly refuse: (unit: PushedUnit) => string | undefined;
}

/** What the rules need beside the log. */
export interface ServerRules {
  readonly mode: Mode;
  /** Not in the database. */
  readonly sealKey: string;
  /** Something that was never given before. */
  readonly fresh: () => string;
}

/** A push. */
export interface ModelPush {
  readonly units: readonly PushedUnit[];
  /** The unit that was sent before these, where nothing was heard of it yet. */
  readonly follows?: string | undefined;
}

export interface PushAnswer {
  readonly decisions: readonly ModelDecision[];
  readonly conflict: string | undefined;
}

export interface HealAnswer {
  readonly decisions: readonly (readonly [string, HealingKind])[];
  /** Where the log ends then: whoever does not find it any more offers once more. */
  readonly head: ModelCursor;
}

export type PageAnswer = 'diverged' | 'rescoped' | ModelPage;

const isBroken = ({ mode }: ServerRules, name: Switch): boolean => mode.broken === name;

/** R7. */
export function adopt(log: ModelLog, rules: ServerRules): ModelLog {
  let adopted: ModelLog = { ...log, loose: [] };
  if (log.loose.length === 0) return log;
  for (const row of log.loose) {
    const id = isBroken(rules, 'adopt-random-id') ? rules.fresh() : derivedId(row);
    const { aggregate, version, payload, position } = row;
    const events = [{ aggregate, version, payload, index: 0 }];
    const after = { [aggregate]: adopted.heads.get(aggregate)?.edition ?? '' };
    adopted = append(adopted, { id, edition: id, isCommutative: false, after, author: '', events }, position);
  }
  return retryAside(adopted, rules);
}

/** R1, R2, R6: decides units in their order, up to the first conflict. */
export function decidePush(
  log: ModelLog,
  { units, follows }: ModelPush,
  asker: Asker,
  rules: ServerRules,
): { readonly log: ModelLog; readonly answer: PushAnswer } {
  let next = log;
  const isInTurn = follows === undefined || isKnownTo(asker, log.known.get(follows), rules);
  const decisions: ModelDecision[] = [];
  for (const unit of units) {
    const isDecided = isInTurn || log.known.has(unit.id);
    const decided = isDecided ? decideUnit(next, unit, asker, rules) : undefined;
    if (decided === undefined) {
      if (!isBroken(rules, 'conflict-is-decision')) {
        return { log: retryAside(next, rules), answer: { decisions, conflict: unit.id } };
      }
      next = reject(next, unit.id, asker.subject, 'CONFLICT');
      decisions.push({ id: unit.id, kind: 'rejected', code: 'CONFLICT' });
      continue;
    }
    next = decided.log;
    decisions.push(decided.decision);
  }
  return { log: retryAside(next, rules), answer: { decisions, conflict: undefined } };
}

/** What is known of the ids of others tells nobody anything. */
function isKnownTo({ subject }: Asker, known: KnownUnit | undefined, rules: ServerRules): boolean {
  if (isBroken(rules, 'any-turn')) return true;
  return known !== undefined && (known.author === subject || isBroken(rules, 'follow-strangers'));
}

function decideUnit(
  log: ModelLog,
  unit: PushedUnit,
  asker: Asker,
  rules: ServerRules,
): { readonly log: ModelLog; readonly decision: ModelDecision } | undefined {
  const { id } = unit;
  const rejected = (code: string): ModelDecision => ({ id, kind: 'rejected', code });
  const known = log.known.get(id);
  if (known !== undefined && !isBroken(rules, 'unit-once')) {
    return { log, decision: answerKnown(id, known, unit, asker, rules) };
  }
  const unseen = unit.events.some(({ aggregate }) => !asker.maySee(aggregate));
  if (unseen && !isBroken(rules, 'write-unseen')) return { log, decision: rejected('OUT_OF_SCOPE') };
  const code = asker.refuse(unit);
  if (code !== undefined) return { log: reject(log, id, asker.subject, code), decision: rejected(code) };
  const placed = unit.isCommutative ? placeNext(log, unit, rules) : fits(log, unit, rules) ? unit : undefined;
  if (placed === undefined) return undefined;
  const { edition, isCommutative, after } = placed;
  const events = placed.events.map((event, index) => ({ ...event, index }));
  const accepted = append(log, { id, edition, isCommutative, after, author: asker.subject, events });
  return { log: accepted, decision: { id, kind: 'accepted' } };
}

function answerKnown(id: string, known: KnownUnit, sent: PushedUnit, asker: Asker, rules: ServerRules): ModelDecision {
  const isDerived =
    sent.events.length === 1 &&
    derivedId(sent.events[0] as ModelEvent) === id &&
    !isBroken(rules, 'derived-of-strangers');
  // What was inserted beside the server nobody has sent.
  const isOthers = known.author !== asker.subject && known.author !== '';
  const isStranger = isOthers && !isDerived && !isBroken(rules, 'tell-strangers');
  if (isStranger) return { id, kind: 'rejected', code: 'ID_TAKEN' };
  if (known.kind === 'rejected') return { id, kind: 'rejected', code: known.code };
  const isSeen = known.unit.events.some(({ aggregate }) => asker.maySee(aggregate));
  if (!isSeen && !isBroken(rules, 'tell-unseen')) return { id, kind: 'rejected', code: 'OUT_OF_SCOPE' };
  return { id, kind: 'accepted' };
}

function reject(log: ModelLog, id: string, author: string, code: string): ModelLog {
  return { ...log, known: new Map(log.known).set(id, { kind: 'rejected', author, code }) };
}

interface Standing {
  readonly edition: Edition;
  readonly isCommutative: boolean;
  readonly after: Readonly<Record<string, Edition>>;
  readonly events: readonly ModelEvent[];
}

function fits(log: ModelLog, { after, events }: Standing, rules: ServerRules): boolean {
  const own = new Map<string, number>();
  return events.every(({ aggregate, version }) => {
    const head = log.heads.get(aggregate);
    const before = own.get(aggregate) ?? head?.version ?? 0;
    if (version !== before + 1) return false;
    const isFirst = !own.has(aggregate);
    own.set(aggregate, version);
    return !isFirst || isSamePlace(head?.edition ?? '', after[aggregate] ?? '', rules);
  });
}

function isSamePlace(held: Edition, named: Edition, rules: ServerRules): boolean {
  if (isBroken(rules, 'number-only')) return true;
  if (isBroken(rules, 'after-unit')) return unitOfEdition(held) === unitOfEdition(named);
  return held === named;
}

/** Gives commutative events the next versions. */
function placeNext(log: ModelLog, unit: PushedUnit, rules: ServerRules): Standing | undefined {
  if (fits(log, unit, { ...rules, mode: { ...rules.mode, broken: undefined } })) return unit;
  const versions = new Map<string, number>();
  const after: Record<string, Edition> = {};
  for (const { aggregate } of unit.events) {
    const head = log.heads.get(aggregate);
    const isOrphan = head === undefined && unit.after[aggregate] !== '';
    if (isOrphan && !isBroken(rules, 'orphan-commutative')) return undefined;
    versions.set(aggregate, head?.version ?? 0);
    after[aggregate] = head?.edition ?? '';
  }
  const events = unit.events.map((event) => {
    const version = (versions.get(event.aggregate) ?? 0) + 1;
    versions.set(event.aggregate, version);
    return { ...event, version };
  });
  const edition = isBroken(rules, 'moved-edition') ? unit.edition : derivedEdition(unit.id, events, after);
  return { edition, isCommutative: true, after, events };
}

/** R3, R4, R8. @param asked - `held`: what the log must have as well, or the reader would leave what is nowhere else */
export function readPage(
  log: ModelLog,
  asked: { readonly after: ModelCursor; readonly held: readonly ModelCursor[]; readonly limit: number },
  asker: Asker,
  rules: ServerRules,
): PageAnswer {
  const { after, held, limit } = asked;
  if (![after, ...held].every((cursor) => knows(log, cursor, rules))) return 'diverged';
  if (after.position > 0 && after.scopes !== asker.scopes) {
    return isBroken(rules, 'scope-is-loss') ? 'diverged' : 'rescoped';
  }
  const units: SealedUnit[] = [];
  let to = after;
  let left = limit;
  for (const unit of log.units) {
    if (unit.position <= after.position) continue;
    if (left <= 0) break;
    const visible = unit.events.filter(({ aggregate }) => asker.maySee(aggregate));
    const isCut = isBroken(rules, 'page-cut') && visible.length > left;
    if (visible.length > 0) units.push(sealed(log.tenant, unit, isCut ? visible.slice(0, left) : visible, rules));
    left -= unit.events.length;
    to = { position: unit.position, hash: unit.hash, scopes: asker.scopes };
  }
  const last = log.units.at(-1)?.position ?? 0;
  return { from: after, to, isHead: to.position >= last, units };
}

export function knows(log: ModelLog, cursor: ModelCursor, rules: ServerRules): boolean {
  if (isBroken(rules, 'no-chain')) return cursor.position <= (log.units.at(-1)?.position ?? 0);
  return hasCursor(log, cursor);
}

export function sealed(
  tenant: string,
  unit: LoggedUnit,
  events: readonly PlacedEvent[],
  rules: ServerRules,
): SealedUnit {
  const { id, edition, isCommutative, position, author } = unit;
  const after: Record<string, Edition> = {};
  for (const { aggregate } of events) after[aggregate] = unit.after[aggregate] ?? '';
  const part = { id, edition, isCommutative, after, position, total: unit.events.length, events, author, seal: '' };
  return { ...part, seal: sealOf(tenant, part, rules) };
}

function sealOf(tenant: string, unit: SealedUnit, rules: ServerRules): string {
  const { id, edition, isCommutative, after, position, total, author } = unit;
  const said = [isBroken(rules, 'seal-any-tenant') ? '' : tenant, id, edition, isCommutative, position, total, author];
  for (const { index, aggregate, version, payload } of unit.events) {
    said.push(index, aggregate, version, payload, after[aggregate] ?? '');
  }
  const text = said.join('|');
  return `${hashText(hashText(0, rules.sealKey), text)}.${hashText(hashText(1, rules.sealKey), text)}`;
}

/** R9. */
export function readDigest(
  log: ModelLog,
  { aggregate, version }: { readonly aggregate: string; readonly version: number },
  asker: Asker,
  rules: ServerRules,
): number | undefined {
  if (!asker.maySee(aggregate)) return undefined;
  const events = log.units.flatMap((unit) => unit.events.filter((event) => event.aggregate === aggregate));
  if (events.length < version && !isBroken(rules, 'truncate-unasked')) return undefined;
  return digestOf(events.slice(0, version).map(({ payload }) => payload));
}

/** The newest of some cursors that the log has. In earnest by bisection. */
export function commonPlace(
  log: ModelLog,
  marks: readonly ModelCursor[],
  asker: Asker,
  rules: ServerRules,
): ModelCursor {
  const isMine = (mark: ModelCursor): boolean => !isBroken(rules, 'scope-is-loss') || mark.scopes === asker.scopes;
  return marks.reduce(
    (best, mark) => (mark.position > best.position && knows(log, mark, rules) && isMine(mark) ? mark : best),
    START,
  );
}

/** R5. */
export function heal(
  log: ModelLog,
  offers: readonly SealedUnit[],
  rules: ServerRules,
): { readonly log: ModelLog; readonly answer: HealAnswer } {
  const aside = new Map(log.aside);
  const kinds = new Map<string, HealingKind>();
  const trusts = isBroken(rules, 'no-seal');
  for (const offer of offers) {
    if (!trusts && !rules.mode.hasSeals) kinds.set(offer.id, 'refused');
    else if (!trusts && offer.seal !== sealOf(log.tenant, offer, rules)) kinds.set(offer.id, 'refused');
    else if (log.known.has(offer.id) && !isBroken(rules, 'heal-twice')) kinds.set(offer.id, 'known');
    else {
      kinds.set(offer.id, 'setAside');
      aside.set(offer.id, joined(aside.get(offer.id), offer));
    }
  }
  const settled = retryAside(restoreOffered({ ...log, aside }, offers, kinds, rules), rules);
  for (const [id, kind] of kinds) if (kind === 'setAside' && !settled.aside.has(id)) kinds.set(id, 'restored');
  return { log: settled, answer: { decisions: [...kinds], head: headOf(settled) } };
}

/** Takes what is offered, as it is, in the order of the old positions. */
function restoreOffered(
  log: ModelLog,
  offers: readonly SealedUnit[],
  kinds: ReadonlyMap<string, HealingKind>,
  rules: ServerRules,
): ModelLog {
  const first = new Map([...offers].reverse().map((offer) => [offer.id, offer]));
  return [...first.values()]
    .filter(({ id }) => kinds.get(id) === 'setAside')
    .sort((a, b) => a.position - b.position)
    .reduce((next, offer) => (comesBack(next, offer, rules) ? restore(next, offer) : next), log);
}

function restore(log: ModelLog, { id, edition, isCommutative, after, author, events }: SealedUnit): ModelLog {
  return append(withoutAside(log, id), { id, edition, isCommutative, after, author, events });
}

/** Parts of the same edition add up; another edition stands for itself, and the later one in the log counts. */
function joined(held: SealedUnit | undefined, offer: SealedUnit): SealedUnit {
  if (held === undefined) return offer;
  if (held.edition !== offer.edition) return held.position >= offer.position ? held : offer;
  const events = new Map([...held.events, ...offer.events].map((event) => [event.index, event]));
  return {
    ...offer,
    after: { ...held.after, ...offer.after },
    events: [...events.values()].sort((a, b) => a.index - b.index),
  };
}

/** Takes what fits by now of what did not, in the order of the old positions, until nothing does. */
function retryAside(log: ModelLog, rules: ServerRules): ModelLog {
  if (log.aside.size === 0 || isBroken(rules, 'aside-once')) return log;
  let next = log;
  for (let isDone = false; !isDone;) {
    isDone = true;
    for (const unit of [...next.aside.values()].sort((a, b) => a.position - b.position)) {
      const isKnown = next.known.has(unit.id) && !isBroken(rules, 'heal-twice');
      if (isKnown) next = withoutAside(next, unit.id);
      else if (comesBack(next, unit, rules)) {
        next = restore(next, unit);
        isDone = false;
      }
    }
  }
  return next;
}

/** Whether something that was set aside could come back as it was. */
export function comesBack(log: ModelLog, unit: SealedUnit, rules: ServerRules): boolean {
  const isWhole = unit.events.length === unit.total || isBroken(rules, 'parts-apart');
  return isWhole && fits(log, unit, rules);
}

function withoutAside(log: ModelLog, id: string): ModelLog {
  const aside = new Map(log.aside);
  aside.delete(id);
  return { ...log, aside };
}

/**
 * What a call of a `UnitRecorder` changes: decided once, where it was called, and made in every tab from the record.
 *
 * ```text
 * varint time in ms
 * varint count of units that are set aside, each: varint id of the first notification, text code, text message
 * u8     step: 0 none | 1 page | 2 rewind | 3 end of healing | 4 restoration | 5 decisions | 6 discarding | 7 following anew
 *              | 8 page of which more follows | 9 return | 10 decisions with commands | 11 truncation | 12 part of a bootstrap;
 *              + 128 where units are moved
 * [varint count of units that are moved, each: varint id of the first notification, u8 0, or u8 1 and the 16 bytes of an
 *                                        edition, varint count of its events, each: varint version]
 *
 * page:    text cursor, varint position
 *          varint count of marks that are dropped, each: varint position
 *          varint count of own units that stand in the page in another form, each: varint id of the first notification
 *          varint count of own units that are confirmed, each: varint id of the first notification, then as in unit-batch.ts
 *          varint id of the first notification of those that are added
 *          varint count of those of them that were here in another form, or set aside, each: varint place among them
 *          those that are added, packed (unit-batch.ts), to the end
 * rewind:  varint position
 * restoration: varint id of the first notification, varint count, each: u8 0, or u8 1, text code, text message
 *          the units, packed as those that are pending (unit-batch.ts), to the end
 * decisions: varint count of those that are withdrawn, each: varint id of the first notification that it had
 *          varint count of those that stay set aside, each: varint id of the first notification, text code, text message
 *          varint id of the first notification of those that are pending again
 *          varint count of these, each: varint id of the first notification that it had
 *          the units as they are now, packed as those that are pending, to the end
 * discarding: varint count, each: varint id of the first notification
 * page of which more follows: u8 0 follows on, 1 follows anew, 2 is the end of that
 *          varint count of aggregates that leave, each: 16 bytes id; then as a page
 * decisions with commands: varint count, each: varint place among those that are pending again, varint length, bytes of the
 *          command, none where there is none any more; then as decisions
 * truncation: varint count of aggregates, each: 16 bytes id, varint the last version that leaves, 16 bytes of the edition
 *          that has it, 16 bytes of a digest, varint position of the event after it, varint largest local id that leaves;
 *          of the snapshot text id of its event, text type of aggregate, varint version of the state, varint milliseconds
 *          since 1970, varint length, bytes
 * part of a bootstrap: u8 1 where it is the last one, 0 otherwise, varint how many events were given or stood for by then,
 *          varint count of bases, each as of a truncation; then as a page of which more follows
 * return:  varint where it goes on, or 0; then as a restoration
 * ```
 *
 * @module
 */
import { ByteReader } from '../../util/byte-reader.js';
import { ByteWriter } from '../../util/byte-writer.js';
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../../util/uuid-bytes.js';
import type { NotificationId, OriginatorId } from '../stored-event.js';
import {
  packConfirmedUnits,
  packPendingUnits,
  readBasePlace,
  readBaseState,
  readConfirmed,
  unpackConfirmedUnits,
  unpackPendingUnits,
  writeBasePlace,
  writeBaseState,
  writeConfirmed,
} from '../unit-batch.js';
import type { AggregateBase, Confirmation, ConfirmedUnit, Cursor, EditionId, PendingUnit } from '../unit.js';
import type { SetAsideReason } from '../unit-recorder.js';

/** Which unit in this store: the id of its first notification. */
export type UnitPlace = NotificationId;

/** A unit that is set aside. */
export interface SettingAside {
  readonly place: UnitPlace;
  readonly reason: SetAsideReason;
}

/** A unit of commutative events that is given other versions, and keeps its ids. */
export interface Moving {
  readonly place: UnitPlace;
  /** Undefined where it is the unit's id. */
  readonly edition: EditionId | undefined;
  /** Of its events, in their order. */
  readonly versions: readonly number[];
}

/** An own unit that a page confirms as it is. */
export interface Confirming extends Confirmation {
  readonly place: UnitPlace;
}

/** The store goes on to the end of a page. */
export interface PageStep {
  readonly kind: 'page';
  readonly cursor: Cursor;
  readonly position: number;
  /** Positions of marks that are not kept any longer. */
  readonly droppedMarks: readonly number[];
  /** Own units that leave, because the page has them in another form. */
  readonly replaced: readonly UnitPlace[];
  readonly confirmed: readonly Confirming[];
  /** Units that were not here in this form, in the order of the page. */
  readonly added: readonly ConfirmedUnit[];
  /** Of the first of their events; the others follow without gaps. Of no meaning when there are none. */
  readonly firstNotificationId: NotificationId;
  /** Which of them were here in another form, or are set aside: their places in `added`. */
  readonly wereHere: readonly number[];
  /** Aggregates that may not be seen any more, whose events leave; what was pending of them is set aside. */
  readonly hidden: readonly OriginatorId[];
  /** Whether the store follows the log anew, or has come where it was before with this page. */
  readonly anew: 'no' | 'goesOn' | 'ends';
  /** Of a part of a bootstrap. */
  readonly bootstrap?: BootstrapStep;
}

/** What a part of a bootstrap brings beside events. */
export interface BootstrapStep {
  readonly isEnd: boolean;
  /** Events of the log that were given, or stood for, by then. */
  readonly covered: number;
  /** What stands for the first events of aggregates. */
  readonly bases: readonly Truncating[];
}

/** A unit of a store that was lost. */
export interface Restoring extends PendingUnit {
  /** Why it is set aside at once; otherwise it is pending. */
  readonly reason: SetAsideReason | undefined;
}

/** Units of a store that was lost come into this one. */
export interface RestoreStep {
  readonly kind: 'restore';
  /** Of the first of their events; the others follow without gaps, of those that are set aside too. */
  readonly firstNotificationId: NotificationId;
  readonly units: readonly Restoring[];
}

/** Units that were set aside, and what was decided of them since. */
export interface DecideStep {
  readonly kind: 'decide';
  /** Those that have nothing to do any more. */
  readonly withdrawn: readonly UnitPlace[];
  /** Those that stay where they are, for another reason. */
  readonly kept: readonly SettingAside[];
  /** Of the first event of those that are pending again; the others follow without gaps. */
  readonly firstNotificationId: NotificationId;
  /** Those that are pending again, in the order in which they were decided: as they were, by their places, and as they are. */
  readonly replaced: readonly UnitPlace[];
  /** A unit that was tried again after a server had refused it has another id than it had. */
  readonly units: readonly PendingUnit[];
  /** Of those of them that something else has decided than before. Absent where there are none. */
  readonly commands?: readonly KeptCommandBytes[];
}

/** What has decided a unit. */
export interface KeptCommandBytes {
  /** Its place among the units. */
  readonly index: number;
  /** Empty, where it cannot be decided again. */
  readonly command: Uint8Array;
}

/** Units that were set aside, and that somebody has given up. */
export interface DiscardStep {
  readonly kind: 'discard';
  readonly places: readonly UnitPlace[];
}

/** Units that were set aside because they could not be seen are pending again. */
export interface ReturnStep extends Omit<RestoreStep, 'kind'> {
  readonly kind: 'return';
  /** The units after this one are still to be looked at; 0 when there are none. */
  readonly next: UnitPlace;
}

/** First events of an aggregate that leave. */
export interface Truncating extends AggregateBase {
  /** The largest local id among them. */
  readonly lastId: NotificationId;
}

/** First events of aggregates leave. */
export interface TruncateStep {
  readonly kind: 'truncate';
  readonly bases: readonly Truncating[];
}

/** One change. What is set aside goes first; what is moved comes after the step, in whose places it may have been. */
export interface SyncChange {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly setAside: readonly SettingAside[];
  /** Absent where there are none. */
  readonly moved?: readonly Moving[];
  readonly step:
    | PageStep
    /** What is confirmed after a position is lost. */
    | { readonly kind: 'rewind'; readonly position: number }
    /** Of what is lost, what is own is pending again, and the rest leaves. */
    | { readonly kind: 'endHeal' }
    | RestoreStep
    | DecideStep
    | DiscardStep
    /** The log is followed from its start, and all that is here is kept meanwhile. */
    | { readonly kind: 'anew' }
    | ReturnStep
    | TruncateStep
    | undefined;
}

const STEP_NONE = 0;
const STEP_PAGE = 1;
const STEP_REWIND = 2;
const STEP_END_HEAL = 3;
const STEP_RESTORE = 4;
const STEP_DECIDE = 5;
const STEP_DISCARD = 6;
const STEP_ANEW = 7;
const STEP_PAGE_ANEW = 8;
const STEP_RETURN = 9;
const STEP_DECIDE_KEEPING = 10;
const STEP_TRUNCATE = 11;
const STEP_BOOTSTRAP = 12;
const STEPS = {
  ...{ page: STEP_PAGE, rewind: STEP_REWIND, endHeal: STEP_END_HEAL, restore: STEP_RESTORE },
  ...{ decide: STEP_DECIDE, discard: STEP_DISCARD, anew: STEP_ANEW, return: STEP_RETURN },
  truncate: STEP_TRUNCATE,
} as const;
const FLAG_MOVED = 128;
const ANEW = ['no', 'goesOn', 'ends'] as const;

/** Whether readers of version 3 of journal records do not know something of a change. */
export function isLaterChange({ moved, step }: SyncChange): boolean {
  return moved !== undefined || codeOf(step) > STEP_RESTORE;
}

/** Whether a page has more to say than that the store follows on. */
function isPageAnew({ anew, hidden }: PageStep): boolean {
  return anew !== 'no' || hidden.length > 0;
}

/** Packs a change. */
export function packSyncChange({ atMs, setAside, moved, step }: SyncChange): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.varint(atMs);
  writeList(writer, setAside, (setting) => writeSettingAside(writer, setting));
  writer.u8(codeOf(step) | (moved === undefined ? 0 : FLAG_MOVED));
  if (moved !== undefined) writeList(writer, moved, (moving) => writeMoving(writer, moving));
  if (step?.kind === 'page') writePage(writer, step);
  else if (step?.kind === 'rewind') writer.varint(step.position);
  else if (step?.kind === 'return') writer.varint(step.next);
  if (step?.kind === 'restore' || step?.kind === 'return') writeRestore(writer, step);
  else if (step?.kind === 'decide') writeDecide(writer, step);
  else if (step?.kind === 'truncate') writeList(writer, step.bases, (base) => writeTruncating(writer, base));
  else if (step?.kind === 'discard') writeList(writer, step.places, (place) => writer.varint(place));
  return writer.finish();
}

/** @throws RangeError, TypeError or DataError when the bytes are not what {@link packSyncChange} makes */
export function unpackSyncChange(bytes: Uint8Array): SyncChange {
  const reader = new ByteReader(bytes);
  const atMs = reader.varint();
  const setAside = readList(reader, () => readSettingAside(reader));
  const kind = reader.u8();
  const moved = (kind & FLAG_MOVED) === 0 ? {} : { moved: readList(reader, () => readMoving(reader)) };
  const change = { atMs, setAside, ...moved, step: readStep(reader, kind & ~FLAG_MOVED) };
  if (reader.remaining !== 0) throw new RangeError('bytes are left after a change');
  return change;
}

function codeOf(step: SyncChange['step']): number {
  if (step === undefined) return STEP_NONE;
  if (step.kind === 'page' && step.bootstrap !== undefined) return STEP_BOOTSTRAP;
  // Most pages have nothing more to say, and are written as they were before there was more.
  if (step.kind === 'page' && isPageAnew(step)) return STEP_PAGE_ANEW;
  return step.kind === 'decide' && step.commands !== undefined ? STEP_DECIDE_KEEPING : STEPS[step.kind];
}

function writePage(writer: ByteWriter, step: PageStep): void {
  const { bootstrap } = step;
  if (bootstrap !== undefined) {
    writer.u8(bootstrap.isEnd ? 1 : 0);
    writer.varint(bootstrap.covered);
    writeList(writer, bootstrap.bases, (base) => writeTruncating(writer, base));
  }
  if (bootstrap !== undefined || isPageAnew(step)) {
    writer.u8(ANEW.indexOf(step.anew));
    writeList(writer, step.hidden, (originatorId) => writer.raw(uuidToBytes(originatorId)));
  }
  writer.text(step.cursor);
  writer.varint(step.position);
  const number = (value: number): void => writer.varint(value);
  writeList(writer, step.droppedMarks, number);
  writeList(writer, step.replaced, number);
  writeList(writer, step.confirmed, (confirming) => {
    writer.varint(confirming.place);
    writeConfirmed(writer, confirming);
  });
  writer.varint(step.firstNotificationId);
  writeList(writer, step.wereHere, number);
  writer.raw(packConfirmedUnits(step.added));
}

function writeMoving(writer: ByteWriter, { place, edition, versions }: Moving): void {
  writer.varint(place);
  writer.u8(edition === undefined ? 0 : 1);
  if (edition !== undefined) writer.raw(uuidToBytes(edition));
  writeList(writer, versions, (version) => writer.varint(version));
}

function readMoving(reader: ByteReader): Moving {
  return {
    place: reader.varint(),
    edition: reader.u8() === 0 ? undefined : bytesToUuid(reader.raw(UUID_BYTES)),
    versions: readList(reader, () => reader.varint()),
  };
}

function readStep(reader: ByteReader, step: number): SyncChange['step'] {
  if (step === STEP_NONE) return undefined;
  if (step === STEP_PAGE) return readPage(reader, 'no', []);
  if (step === STEP_PAGE_ANEW) return readPageAnew(reader);
  if (step === STEP_BOOTSTRAP) {
    const end = reader.u8();
    if (end > 1) throw new RangeError('a part is neither the last one nor not');
    const covered = reader.varint();
    const bases = readList(reader, () => readTruncating(reader));
    return { ...readPageAnew(reader), bootstrap: { isEnd: end === 1, covered, bases } };
  }
  if (step === STEP_ANEW) return { kind: 'anew' };
  if (step === STEP_REWIND) return { kind: 'rewind', position: reader.varint() };
  if (step === STEP_END_HEAL) return { kind: 'endHeal' };
  if (step === STEP_DECIDE) return readDecide(reader);
  if (step === STEP_DECIDE_KEEPING) return readDecideKeeping(reader);
  if (step === STEP_DISCARD) return { kind: 'discard', places: readList(reader, () => reader.varint()) };
  if (step === STEP_RESTORE) return { kind: 'restore', ...readRestore(reader) };
  if (step === STEP_RETURN) return { kind: 'return', next: reader.varint(), ...readRestore(reader) };
  if (step === STEP_TRUNCATE) return { kind: 'truncate', bases: readList(reader, () => readTruncating(reader)) };
  throw new RangeError(`step ${step} is unknown`);
}

function readPageAnew(reader: ByteReader): PageStep {
  const anew = ANEW[reader.u8()];
  if (anew === undefined) throw new RangeError('it is unknown how it follows');
  return readPage(
    reader,
    anew,
    readList(reader, () => bytesToUuid(reader.raw(UUID_BYTES))),
  );
}

function readPage(reader: ByteReader, anew: PageStep['anew'], hidden: PageStep['hidden']): PageStep {
  const number = (): number => reader.varint();
  return {
    kind: 'page',
    cursor: reader.text(),
    position: reader.varint(),
    droppedMarks: readList(reader, number),
    replaced: readList(reader, number),
    confirmed: readList(reader, () => ({ place: reader.varint(), ...readConfirmed(reader, 1) })),
    firstNotificationId: reader.varint(),
    wereHere: readList(reader, number),
    added: unpackConfirmedUnits(reader.raw(reader.remaining)),
    ...{ hidden, anew },
  };
}

function writeTruncating(writer: ByteWriter, base: Truncating): void {
  writer.raw(uuidToBytes(base.snapshot.originatorId));
  writeBasePlace(writer, base);
  writer.varint(base.lastId);
  writeBaseState(writer, base);
}

function readTruncating(reader: ByteReader): Truncating {
  const originatorId = bytesToUuid(reader.raw(UUID_BYTES));
  const place = { ...readBasePlace(reader), lastId: reader.varint() };
  return readBaseState(reader, originatorId, place);
}

function writeRestore(writer: ByteWriter, { firstNotificationId, units }: Omit<RestoreStep, 'kind'>): void {
  writer.varint(firstNotificationId);
  writeList(writer, units, ({ reason }) => {
    writer.u8(reason === undefined ? 0 : 1);
    if (reason !== undefined) {
      writer.text(reason.code);
      writer.text(reason.message);
    }
  });
  writer.raw(packPendingUnits(units));
}

function readRestore(reader: ByteReader): Omit<RestoreStep, 'kind'> {
  const firstNotificationId = reader.varint();
  const reasons = readList(reader, () =>
    reader.u8() === 0 ? undefined : { code: reader.text(), message: reader.text() },
  );
  const units = unpackPendingUnits(reader.raw(reader.remaining));
  if (units.length !== reasons.length) throw new RangeError('a unit is restored without a word of how');
  return { firstNotificationId, units: units.map((unit, index) => ({ ...unit, reason: reasons[index] })) };
}

function writeDecide(writer: ByteWriter, step: DecideStep): void {
  if (step.commands !== undefined) writeList(writer, step.commands, (kept) => writeCommand(writer, kept));
  writeList(writer, step.withdrawn, (place) => writer.varint(place));
  writeList(writer, step.kept, (setting) => writeSettingAside(writer, setting));
  writer.varint(step.firstNotificationId);
  writeList(writer, step.replaced, (place) => writer.varint(place));
  writer.raw(packPendingUnits(step.units));
}

function writeCommand(writer: ByteWriter, { index, command }: KeptCommandBytes): void {
  writer.varint(index);
  writer.sized(command);
}

function readDecideKeeping(reader: ByteReader): DecideStep {
  const commands = readList(reader, () => readCommand(reader));
  const step = readDecide(reader);
  if (commands.length === 0 || commands.some(({ index }) => index >= step.units.length)) {
    throw new RangeError('a command is of no unit');
  }
  return { ...step, commands };
}

function readCommand(reader: ByteReader): KeptCommandBytes {
  return { index: reader.varint(), command: reader.sized() };
}

function readDecide(reader: ByteReader): DecideStep {
  const withdrawn = readList(reader, () => reader.varint());
  const kept = readList(reader, () => readSettingAside(reader));
  const firstNotificationId = reader.varint();
  const replaced = readList(reader, () => reader.varint());
  const units = unpackPendingUnits(reader.raw(reader.remaining));
  if (units.length !== replaced.length) throw new RangeError('a unit is decided without a word of which it was');
  return { kind: 'decide', withdrawn, kept, firstNotificationId, replaced, units };
}

function writeSettingAside(writer: ByteWriter, { place, reason }: SettingAside): void {
  writer.varint(place);
  writer.text(reason.code);
  writer.text(reason.message);
}

function readSettingAside(reader: ByteReader): SettingAside {
  return { place: reader.varint(), reason: { code: reader.text(), message: reader.text() } };
}

function writeList<T>(writer: ByteWriter, items: readonly T[], write: (item: T) => void): void {
  writer.varint(items.length);
  items.forEach(write);
}

function readList<T>(reader: ByteReader, read: () => T): T[] {
  const items: T[] = [];
  // Every item takes a byte at least, so that a damaged count ends with the bytes.
  for (let left = reader.varint(); left > 0; left--) items.push(read());
  return items;
}

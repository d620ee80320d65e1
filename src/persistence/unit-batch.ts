/**
 * The packed form of units: what crosses the network and the worker boundary, and what a journal record carries of them.
 *
 * ```text
 * varint  count of units
 *           each: 16 bytes unit id
 *                 u8      flags: bit 0 = commutative, bit 1 = pending, bit 2 = confirmed, bit 3 = lost, bit 4 = has an
 *                         edition that is not its id; other bits must be 0
 *                 [edition: 16 bytes]
 *                 varint  count of events, at least 1
 *                 varint  count of scopes, up to 20, each a text
 *                 [pending:   varint id of the first notification, places]
 *                 [confirmed: varint position, varint total, text author, varint time in ms, varint length and bytes of a seal]
 *                 [lost:      as confirmed, places]
 * places: varint count, each u8 0, or u8 1 and the 16 bytes of an edition
 * …       the events of all of them, in their order: a packed batch (event-batch.ts), to the end
 *
 * page:   text from, text to, varint position, varint head, then units as above, all confirmed
 *
 * page that is a part of a bootstrap:
 *         u8 0, as no text from begins; u8 1 where it is the last part, 0 otherwise; varint position
 *         varint count of aggregates, up to 200, each: 16 bytes id, u8 flags: bit 0 = continues, bit 1 = has a base,
 *           bit 2 = ends at a version; other bits must be 0; [varint that version]
 *           [base: varint the last version that it stands for, 16 bytes of the edition that has it, 16 bytes of a digest,
 *            varint position of the event after it; of the snapshot text id of its event, text type of aggregate,
 *            varint version of the state, varint milliseconds since 1970, varint length, bytes]
 *         then as a page
 * ```
 *
 * A text is its length in UTF-8 bytes as a varint, and the bytes. Valid if and only if: (1) no other flag is set,
 * (2) all units are of the kind that is asked for, (3) the counts of events add up to the events that are there, and there
 * are not more topics than that, (4) the batch of events is valid, (5) a unit that is pending or lost has a place for each
 * aggregate that it has events of, and (6) one that is confirmed or lost has no more events than its total, nor a total
 * larger than its position.
 *
 * One value has several forms: integers may be longer than they must, topics may be there twice, or unused. So nothing may
 * rest on the bytes of a packed unit; whoever compares or seals one does so by what it says.
 *
 * Binary, because it was measured: 500 events of 300 bytes of JSON are 226 kB as JSON with states in base64 and 136 kB so,
 * gzipped 53 and 40 kB; read in 7.8 ms and 0.5 ms. Changed by new flags only, which older readers refuse.
 *
 * @module
 */
import { ByteReader } from '../util/byte-reader.js';
import { ByteWriter } from '../util/byte-writer.js';
import { bytesToUuid, UUID_BYTES, uuidToBytes } from '../util/uuid-bytes.js';
import { DataError } from './errors.js';
import { packEvents, unpackEvents } from './event-batch.js';
import type { StoredEvent } from './stored-event.js';
import { BOOTSTRAP_AGGREGATES_MAX, UNIT_SCOPES_MAX } from './unit.js';
import type {
  AggregateBase,
  BootstrapAggregate,
  BootstrapPart,
  Confirmation,
  ConfirmedUnit,
  EditionId,
  LostUnit,
  PendingUnit,
  Unit,
  UnitId,
  UnitPage,
} from './unit.js';

const FLAG_COMMUTATIVE = 1;
const FLAG_PENDING = 2;
const FLAG_CONFIRMED = 4;
const FLAG_LOST = 8;
const FLAG_EDITION = 16;
// Of an aggregate in a part of a bootstrap.
const FLAG_CONTINUES = 1;
const FLAG_BASE = 2;
const FLAG_UP_TO = 4;

/** `details.reason` of the error about units that have more events than may be read. */
export const EVENTS_MAX_REASON = 'eventsMax';

/** How many events may be read, where there are so many units. */
export type EventsMax = (units: number) => number;

/** Packs units that wait for a server. */
export function packPendingUnits(units: readonly PendingUnit[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeUnits(writer, units, FLAG_PENDING, writePending);
  return writer.finish();
}

/**
 * Unpacks what {@link packPendingUnits} made. States are views into `bytes`, not copies.
 *
 * @param eventsMax - beyond it, `details.reason` of the error is {@link EVENTS_MAX_REASON}, and no event was looked at
 * @throws DataError (`DATA_ERROR`) when the bytes are not packed units that are pending; with `details.unit`, the place of the
 *   first that cannot be read, where that is known
 */
export function unpackPendingUnits(bytes: Uint8Array, eventsMax?: EventsMax): PendingUnit[] {
  return whole(bytes, (reader) => placed(readUnits(reader, FLAG_PENDING, readPending, eventsMax)));
}

/** Packs units that a server has. */
export function packConfirmedUnits(units: readonly ConfirmedUnit[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeUnits(writer, units, FLAG_CONFIRMED, writeConfirmed);
  return writer.finish();
}

/**
 * Unpacks what {@link packConfirmedUnits} made. States are views into `bytes`, not copies.
 *
 * @param eventsMax - as of {@link unpackPendingUnits}
 * @throws DataError (`DATA_ERROR`) when the bytes are not packed units that are confirmed
 */
export function unpackConfirmedUnits(bytes: Uint8Array, eventsMax?: EventsMax): ConfirmedUnit[] {
  return whole(bytes, (reader) => readUnits(reader, FLAG_CONFIRMED, readConfirmed, eventsMax));
}

/** Packs units that a server had, and has lost. */
export function packLostUnits(units: readonly LostUnit[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeUnits(writer, units, FLAG_LOST, writeLost);
  return writer.finish();
}

/**
 * Unpacks what {@link packLostUnits} made. States are views into `bytes`, not copies.
 *
 * @param eventsMax - as of {@link unpackPendingUnits}
 * @throws DataError (`DATA_ERROR`) when the bytes are not packed units that are lost
 */
export function unpackLostUnits(bytes: Uint8Array, eventsMax?: EventsMax): LostUnit[] {
  return whole(bytes, (reader) => placed(readUnits(reader, FLAG_LOST, readLost, eventsMax)));
}

/** Packs a part of a server's log. */
export function packPage({ from, to, position, head, units, bootstrap }: UnitPage): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  if (bootstrap !== undefined) writeBootstrap(writer, bootstrap);
  writer.text(from);
  writer.text(to);
  writer.varint(position);
  writer.varint(head);
  writeUnits(writer, units, FLAG_CONFIRMED, writeConfirmed);
  return writer.finish();
}

/**
 * Unpacks what {@link packPage} made. States are views into `bytes`, not copies.
 *
 * @throws DataError (`DATA_ERROR`) when the bytes are not a packed page
 */
export function unpackPage(bytes: Uint8Array): UnitPage {
  return whole(bytes, (reader) => {
    const isPart = bytes[0] === 0;
    if (isPart) reader.u8();
    return {
      ...(isPart ? { bootstrap: readBootstrap(reader) } : {}),
      from: reader.text(),
      to: reader.text(),
      position: reader.varint(),
      head: reader.varint(),
      units: readUnits(reader, FLAG_CONFIRMED, readConfirmed),
    };
  });
}

function writeBootstrap(writer: ByteWriter, { position, isEnd, aggregates }: BootstrapPart): void {
  writer.u8(0);
  writer.u8(isEnd ? 1 : 0);
  writer.varint(position);
  writer.varint(aggregates.length);
  for (const { originatorId, continues, upTo, base } of aggregates) {
    writer.raw(uuidToBytes(originatorId));
    const isCut = upTo === undefined ? 0 : FLAG_UP_TO;
    writer.u8((continues ? FLAG_CONTINUES : 0) | (base === undefined ? 0 : FLAG_BASE) | isCut);
    if (upTo !== undefined) writer.varint(upTo);
    if (base === undefined) continue;
    writeBasePlace(writer, base);
    writeBaseState(writer, base);
  }
}

function readBootstrap(reader: ByteReader): BootstrapPart {
  const end = reader.u8();
  if (end > 1) throw new RangeError('a part is neither the last one nor not');
  const position = reader.varint();
  const aggregates = Array.from({ length: reader.count(BOOTSTRAP_AGGREGATES_MAX) }, (): BootstrapAggregate => {
    const originatorId = readUuid(reader);
    const flags = reader.u8();
    if (flags > (FLAG_CONTINUES | FLAG_BASE | FLAG_UP_TO)) throw new RangeError(`unknown flags ${flags.toString(2)}`);
    const upTo = (flags & FLAG_UP_TO) === 0 ? {} : { upTo: reader.varint() };
    const aggregate = { originatorId, continues: (flags & FLAG_CONTINUES) !== 0, ...upTo };
    if ((flags & FLAG_BASE) === 0) return aggregate;
    return { ...aggregate, base: readBaseState(reader, originatorId, readBasePlace(reader)) };
  });
  return { position, isEnd: end === 1, aggregates };
}

/** Where a base is, and what it is of. */
export type BasePlace = Omit<AggregateBase, 'snapshot'>;

/** Writes a base but for its aggregate and its state, which {@link writeBaseState} writes. */
export function writeBasePlace(writer: ByteWriter, { version, edition, digest, position }: BasePlace): void {
  writer.varint(version);
  writer.raw(uuidToBytes(edition));
  writer.raw(uuidToBytes(digest));
  writer.varint(position);
}

/** Reads what {@link writeBasePlace} wrote. */
export function readBasePlace(reader: ByteReader): BasePlace {
  return {
    version: reader.varint(),
    edition: readUuid(reader),
    digest: readUuid(reader),
    position: reader.varint(),
  };
}

/** Writes the state of a base. */
export function writeBaseState(writer: ByteWriter, { snapshot }: AggregateBase): void {
  writer.text(snapshot.eventId);
  writer.text(snapshot.aggregateType);
  writer.varint(snapshot.stateVersion);
  writer.varint(snapshot.takenAtMs);
  writer.sized(snapshot.state);
}

/** Reads what {@link writeBaseState} wrote. */
export function readBaseState<Place extends BasePlace>(
  reader: ByteReader,
  originatorId: string,
  place: Place,
): Place & AggregateBase {
  const snapshot = {
    ...{ originatorId, originatorVersion: place.version + 1, eventId: reader.text(), aggregateType: reader.text() },
    ...{ stateVersion: reader.varint(), takenAtMs: reader.varint(), state: reader.sized() },
  };
  return { ...place, snapshot };
}

function writeUnits<U extends Unit>(
  writer: ByteWriter,
  units: readonly U[],
  kind: number,
  writeRest: (writer: ByteWriter, unit: U) => void,
): void {
  writer.varint(units.length);
  const all: StoredEvent[] = [];
  for (const unit of units) {
    const { id, edition, events, isCommutative, scopes } = unit;
    writer.raw(uuidToBytes(id));
    writer.u8(kind | (isCommutative ? FLAG_COMMUTATIVE : 0) | (edition === undefined ? 0 : FLAG_EDITION));
    if (edition !== undefined) writer.raw(uuidToBytes(edition));
    writer.varint(events.length);
    writer.varint(scopes.length);
    for (const scope of scopes) writer.text(scope);
    writeRest(writer, unit);
    for (const event of events) all.push(event);
  }
  writer.raw(packEvents(all));
}

function writePending(writer: ByteWriter, { firstNotificationId, after }: PendingUnit): void {
  writer.varint(firstNotificationId);
  writePlaces(writer, after);
}

function writePlaces(writer: ByteWriter, after: PendingUnit['after']): void {
  writer.varint(after.length);
  for (const edition of after) {
    writer.u8(edition === undefined ? 0 : 1);
    if (edition !== undefined) writer.raw(uuidToBytes(edition));
  }
}

/** Writes where a server has a unit, and what it says of it. */
export function writeConfirmed(writer: ByteWriter, { position, total, origin }: Confirmation): void {
  writer.varint(position);
  writer.varint(total);
  writer.text(origin.author);
  writer.varint(origin.recordedAtMs);
  writer.sized(origin.seal);
}

function writeLost(writer: ByteWriter, unit: LostUnit): void {
  writeConfirmed(writer, unit);
  writePlaces(writer, unit.after);
}

function readUnits<Rest extends object>(
  reader: ByteReader,
  kind: number,
  readRest: (reader: ByteReader, count: number) => Rest,
  eventsMax: EventsMax = () => reader.remaining,
): (Unit & Rest)[] {
  const heads: { readonly unit: Omit<Unit, 'events'>; readonly count: number; readonly rest: Rest }[] = [];
  const units = reader.count();
  const max = eventsMax(units);
  let total = 0;
  while (heads.length < units) {
    const id = readUuid(reader);
    of(heads.length, () => {
      const flags = reader.u8();
      if ((flags & ~(FLAG_COMMUTATIVE | FLAG_EDITION)) !== kind)
        throw new RangeError(`unknown flags ${flags.toString(2)}`);
      const edition = (flags & FLAG_EDITION) === 0 ? {} : { edition: readUuid(reader) };
      const count = reader.varint();
      if (count === 0) throw new RangeError('a unit has no events');
      // Before anything else is read of it: what is looked at is what is allowed.
      if ((total += count) > max) throw tooManyEvents(max);
      const scopes = Array.from({ length: reader.count(UNIT_SCOPES_MAX) }, () => reader.text());
      const isCommutative = (flags & FLAG_COMMUTATIVE) !== 0;
      heads.push({ unit: { id, ...edition, isCommutative, scopes }, count, rest: readRest(reader, count) });
    });
  }
  const events = unpackEvents(reader.raw(reader.remaining), total);
  let at = 0;
  return heads.map(({ unit, count, rest }) => ({ ...unit, events: events.slice(at, (at += count)), ...rest }));
}

function tooManyEvents(max: number): DataError {
  return new DataError(`These units have more than ${max} events.`, {
    details: { reason: EVENTS_MAX_REASON, eventsMax: max },
  });
}

function readPending(reader: ByteReader, count: number): Pick<PendingUnit, 'firstNotificationId' | 'after'> {
  const firstNotificationId = reader.varint();
  return { firstNotificationId, after: readPlaces(reader, count) };
}

function readPlaces(reader: ByteReader, count: number): PendingUnit['after'] {
  return Array.from({ length: reader.count(count) }, (): EditionId | undefined => {
    const isThere = reader.u8();
    if (isThere > 1) throw new RangeError('a place is neither there nor not');
    return isThere === 0 ? undefined : readUuid(reader);
  });
}

function placed<U extends PendingUnit | LostUnit>(units: U[]): U[] {
  units.forEach(({ after, events }, index) => {
    const aggregates = new Set(events.map(({ originatorId }) => originatorId));
    of(index, () => {
      if (after.length !== aggregates.size) throw new RangeError('a unit has not a place for each of its aggregates');
    });
  });
  return units;
}

/** Says which unit it is that cannot be read. */
function of(index: number, read: () => void): void {
  try {
    read();
  } catch (cause) {
    const details = cause instanceof DataError ? cause.details : {};
    throw new DataError('A unit cannot be read.', { cause, details: { ...details, unit: index } });
  }
}

/** Reads what {@link writeConfirmed} wrote. @param count - of the events that are there */
export function readConfirmed(reader: ByteReader, count: number): Confirmation {
  const position = reader.varint();
  const total = reader.varint();
  if (count > total || total > position) throw new RangeError('a position, or a total, is too small');
  return { position, total, origin: { author: reader.text(), recordedAtMs: reader.varint(), seal: reader.sized() } };
}

function readLost(reader: ByteReader, count: number): Omit<LostUnit, keyof Unit> {
  return { ...readConfirmed(reader, count), after: readPlaces(reader, count) };
}

function readUuid(reader: ByteReader): UnitId {
  return bytesToUuid(reader.raw(UUID_BYTES));
}

function whole<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  try {
    return read(new ByteReader(bytes));
  } catch (cause) {
    const details = cause instanceof DataError ? cause.details : {};
    throw new DataError('These bytes are not packed units.', { cause, details });
  }
}

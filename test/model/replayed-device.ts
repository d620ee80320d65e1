/**
 * A store of the shipped code on a device, driven as a trace of the model says.
 *
 * @module
 */
import { refusalReason } from '../../src/persistence/unit-reasons.js';
import { derivedUnitId, retriedUnitId } from '../../src/persistence/derived-unit-id.js';
import { historyDigest } from '../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { Cursor, LostUnit, PendingUnit, UnitPage } from '../../src/persistence/unit.js';
import { editionOf } from '../../src/persistence/unit-edition.js';
import type { DecidedUnit, EndOfHealing, InsertPageOptions, Superseded } from '../../src/persistence/unit-recorder.js';
import { openTab } from '../support/own-tables-tab.js';
import type { OwnTablesTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';
import { decide, edited, type Command, type Release } from './domain.js';
import type { ReplayNames } from './replay-names.js';
import type { CodeAnswer, CodeRequest } from './replayed-log.js';
import { ALL, placeName } from './replayed-log.js';
import { storeLines } from './replayed-lines.js';
import { kindOf, line } from './trace-lines.js';
import type { Line, TraceStep } from './trace.js';

/** What came of offering what is lost: an exchange knows it, and the store does not. */
interface Offered extends EndOfHealing {
  readonly heads: readonly Cursor[];
}

/** A device as it is on its disk. */
export interface SavedDevice {
  readonly journal: SharedJournal;
  readonly offered: Offered | undefined;
}

interface KeptCommand {
  readonly command: Command;
  readonly intent: string;
}

export class ReplayedDevice {
  readonly subject: string;
  readonly tenant: string;
  release: Release = 2;
  readonly #names: ReplayNames;
  readonly #conflicts: 'aside' | 'again';
  #saved: SavedDevice;
  #tab: OwnTablesTab | undefined;

  constructor(
    { subject, tenant }: Pick<ReplayedDevice, 'subject' | 'tenant'>,
    names: ReplayNames,
    conflicts: 'aside' | 'again',
    saved: SavedDevice = { journal: new SharedJournal(), offered: undefined },
  ) {
    this.subject = subject;
    this.tenant = tenant;
    this.#names = names;
    this.#conflicts = conflicts;
    this.#saved = saved;
  }

  /** What is on its disk now. */
  save(): SavedDevice {
    return { ...this.#saved, journal: this.#saved.journal.copied() };
  }

  /** It is killed, and has what is on its disk, or what was. */
  async crash(saved: SavedDevice = this.#saved): Promise<void> {
    await this.close();
    this.#saved = saved;
  }

  async close(): Promise<void> {
    await this.#tab?.recorder.close();
    this.#tab?.database.close();
    this.#tab = undefined;
  }

  async #recorder(): Promise<OwnTablesTab['recorder']> {
    this.#tab ??= await openTab(this.#saved.journal);
    return this.#tab.recorder;
  }

  async lines(): Promise<Line[]> {
    return await storeLines(await this.#recorder(), this.#names);
  }

  async upgrade(events: readonly StoredEvent[]): Promise<void> {
    const recorder = await this.#recorder();
    for (const event of events) await recorder.insertEvents([event], { unit: { id: derivedUnitId(event) } });
  }

  async record({ command, id, intent }: Extract<TraceStep, { readonly do: 'record' }>): Promise<void> {
    const recorder = await this.#recorder();
    const aggregates = 'to' in command ? [command.at, command.to] : [command.at];
    const state = await this.#stateOf(aggregates);
    const decided = decide(command, intent, { read: (of) => state.get(of) ?? [], release: this.release });
    if (typeof decided === 'string') return;
    const events = placed(decided.drafts, state).map((event) => this.#names.toEvent(event));
    const unit = { id: this.#names.unitId(id), isCommutative: decided.isCommutative };
    await recorder.insertEvents(events, { unit: { ...unit, command: bytesOf({ command, intent }) } });
  }

  async retry(name: string): Promise<void> {
    const recorder = await this.#recorder();
    this.#names.unitId(`${name}+`);
    const superseded = await recorder.selectSuperseded([this.#names.unitId(name)]);
    const [decided] = await this.#decideAll(superseded, true);
    if (decided !== undefined && decided.reason === undefined) await recorder.decide([decided]);
  }

  async discard(name: string): Promise<void> {
    await (await this.#recorder()).discardSetAside([this.#names.unitId(name)]);
  }

  /** @returns what it asks now, and that in lines */
  async request(step: TraceStep): Promise<{ readonly request: CodeRequest; readonly lines: readonly Line[] }> {
    const recorder = await this.#recorder();
    switch (step.do) {
      case 'push': {
        const units = this.#named(await recorder.selectPendingUnits(0, ALL), step.units);
        const follows = step.follows === undefined ? undefined : this.#names.unitId(step.follows);
        return { request: { kind: 'push', units, follows }, lines: this.#sentLines(units) };
      }
      case 'heal': {
        const units = this.#named(await recorder.selectLostUnits(0, ALL), step.units);
        return { request: { kind: 'heal', units }, lines: this.#sentLines(units) };
      }
      case 'pull': {
        const progress = await recorder.syncProgress();
        const held = [...progress.held, ...(this.#saved.offered?.heads ?? [])];
        const lines = [line(['after'], [placeName(progress.cursor)]), line(['held'], held.map(placeName))];
        return { request: { kind: 'pull', after: progress.cursor, held, limit: step.limit }, lines };
      }
      case 'common': {
        const marks = (await recorder.syncProgress()).marks.filter((mark) => mark !== CURSOR_START);
        return { request: { kind: 'common', marks }, lines: [line(['marks'], marks.map(placeName))] };
      }
      case 'digest': {
        const { aggregate, version } = step;
        return { request: { kind: 'digest', aggregate, version }, lines: [] };
      }
      default:
        throw new Error(`${step.do} is no request.`);
    }
  }

  /** Does with an answer what an exchange does. */
  async take(what: 'refused' | 'page' | 'rewind' | 'anew', given: CodeAnswer): Promise<void> {
    const recorder = await this.#recorder();
    if (given.kind === 'push') {
      const rejected = given.answer.decisions.flatMap((decision) =>
        decision.kind === 'rejected' ? [{ id: decision.id, reason: refusalReason(decision) }] : [],
      );
      if (rejected.length > 0) await recorder.setAside(rejected);
    } else if (given.kind === 'common') {
      // Where another tab was first, it stays as it is, and so does what that one has offered.
      if (await recorder.rewind(given.common)) this.#saved = { ...this.#saved, offered: undefined };
    } else if (given.kind !== 'pull') throw new Error(`${given.kind} is no answer to ${what}.`);
    else if (what === 'anew') await recorder.followAnew(given.after);
    else if (typeof given.page !== 'string') await this.#insertPage(given.page);
  }

  async #insertPage(page: UnitPage): Promise<void> {
    const recorder = await this.#recorder();
    const { offered } = this.#saved;
    const isHead = page.position >= page.head;
    const superseding = this.#conflicts === 'aside' ? 'setAside' : isHead ? 'decide' : 'defer';
    const options: InsertPageOptions = { superseding, ...(offered !== undefined && { offered }) };
    let outcome = await recorder.insertPage(page, options);
    if (outcome.superseded !== undefined) {
      const decided = await this.#decideAll(outcome.superseded, false);
      outcome = await recorder.insertPage(page, { ...options, decided });
      if (outcome.superseded !== undefined) throw new Error('What was decided is asked once more.');
    }
    // What it stands on is lost, and cannot be offered.
    if (!outcome.isStored && offered !== undefined && page.from === (await recorder.syncProgress()).cursor) {
      await this.#endHeal(offered);
    }
    if (!outcome.isStored || !isHead || offered === undefined) return;
    await this.#endHeal(offered);
    const superseded = await recorder.selectSuperseded();
    if (superseded.units.length > 0) await recorder.decide(await this.#decideAll(superseded, false));
  }

  async offered(answers: readonly CodeAnswer[]): Promise<void> {
    const recorder = await this.#recorder();
    const { rewinds } = await recorder.syncProgress();
    const given = answers.flatMap((one) => (one.kind === 'heal' ? [one.answer] : []));
    const refused = given.flatMap(({ decisions }) => decisions.flatMap(({ id, kind }) => (kind === 'refused' ? [id] : [])));
    const heads = given.flatMap(({ head }) => head ?? []);
    this.#saved = { ...this.#saved, offered: { rewinds, refused, heads } };
  } // prettier-ignore

  async #endHeal(offered: Offered): Promise<void> {
    const { rewinds, refused } = offered;
    const superseding = this.#conflicts === 'again' ? 'defer' : 'setAside';
    await (await this.#recorder()).endHeal({ rewinds, refused, superseding });
    this.#saved = { ...this.#saved, offered: undefined };
  }

  /** As an application does: what leaves was compared with what the server has. */
  async truncate(aggregate: string, version: number, given: CodeAnswer): Promise<void> {
    const recorder = await this.#recorder();
    const originatorId = this.#names.originatorId(aggregate);
    const base = await recorder.selectBase(originatorId);
    const events = await recorder.selectEvents(originatorId, { gt: base?.version ?? 0, lte: version });
    const digest = historyDigest(events, base?.digest);
    if (given.kind !== 'digest' || given.digest !== digest) return;
    const snapshot = {
      ...{ originatorId, originatorVersion: version + 1, eventId: 'any', aggregateType: aggregate, stateVersion: 1 },
      state: bytesOf((await this.#payloads(aggregate)).slice(0, version)),
      takenAtMs: 0,
    };
    const anchor = await this.#editionAt(originatorId, version + 1);
    if (anchor !== undefined) await recorder.truncate([{ snapshot, anchor, digest }]);
  }

  async #editionAt(originatorId: string, version: number): Promise<string | undefined> {
    const past = await (await this.#recorder()).query(
      `SELECT lower(hex(coalesce(u.edition, u.unit_id))) AS edition FROM stored_events AS e
        JOIN daybook_units AS u ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
        WHERE lower(hex(e.originator_id)) = ? AND e.originator_version = ?`,
      [originatorId.replaceAll('-', ''), version],
    );
    const hex = past.rows[0]?.['edition'] as string | undefined;
    return hex?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  } // prettier-ignore

  /** What units are by their commands, on what the store says that they are to be decided on. */
  async #decideAll({ units, aggregates }: Superseded, isRetry: boolean): Promise<DecidedUnit[]> {
    const state = new Map<string, string[]>();
    for (const { originatorId, version, events } of aggregates) {
      const aggregate = this.#names.aggregate(originatorId);
      const before = (await this.#payloads(aggregate)).slice(0, Math.max(0, version));
      state.set(aggregate, [...before, ...events.map((event) => this.#names.fromEvent(event).payload)]);
    }
    return units.map(({ id, command: bytes, isRefused }): DecidedUnit => {
      const as = isRetry && isRefused ? { as: retriedUnitId(id) } : {};
      if (bytes === undefined) return { id, reason: { code: 'CONFLICT', message: 'Nobody knows what decided it.' } };
      const kept = JSON.parse(new TextDecoder().decode(bytes)) as KeptCommand;
      const command = isRetry ? edited(kept.command) : kept.command;
      const decided = decide(command, kept.intent, { read: (of) => state.get(of) ?? [], release: this.release });
      if (typeof decided === 'string') return { id, reason: { code: decided, message: 'It says no.' } };
      const events = placed(decided.drafts, state);
      for (const { aggregate, payload } of events) state.set(aggregate, [...(state.get(aggregate) ?? []), payload]);
      const { isCommutative } = decided;
      const stored = events.map((event) => this.#names.toEvent(event));
      return { id, ...as, events: stored, isCommutative, command: bytesOf({ ...kept, command }) };
    });
  }

  async #stateOf(aggregates: readonly string[]): Promise<Map<string, string[]>> {
    const state = new Map<string, string[]>();
    for (const aggregate of aggregates) state.set(aggregate, await this.#payloads(aggregate));
    return state;
  }

  /** All that an aggregate is made of: a snapshot, where something has left, and its events. */
  async #payloads(aggregate: string): Promise<string[]> {
    const recorder = await this.#recorder();
    const originatorId = this.#names.originatorId(aggregate);
    const base = await recorder.selectBase(originatorId);
    const events = await recorder.selectEvents(originatorId, { gt: base?.version ?? 0 });
    const before = base === undefined ? [] : (JSON.parse(new TextDecoder().decode(base.snapshot.state)) as string[]);
    return [...before, ...events.map((event) => this.#names.fromEvent(event).payload)];
  }

  #named<T extends PendingUnit | LostUnit>(units: readonly T[], names: readonly string[]): readonly T[] {
    const found = new Map(units.map((unit) => [unit.id, unit]));
    return names.flatMap((name) => found.get(this.#names.unitId(name)) ?? []);
  }

  #sentLines(units: readonly (PendingUnit | LostUnit)[]): Line[] {
    return units.map((unit) => {
      const { id, isCommutative, events, after } = unit;
      const said = [kindOf(isCommutative), ...events.map((event) => this.#names.eventText(event))];
      const places = after.map((edition) => (edition === undefined ? 'nothing' : `edition:${edition}`));
      return line(['sends', this.#names.unitName(id, events), ...said], [`edition:${editionOf(unit)}`, ...places]);
    });
  }
}

/** Events at the versions that follow on what is there. */
function placed(
  drafts: readonly { readonly aggregate: string; readonly payload: string }[],
  state: ReadonlyMap<string, readonly string[]>,
): { readonly aggregate: string; readonly payload: string; readonly version: number }[] {
  const versions = new Map<string, number>();
  return drafts.map((draft) => {
    const version = (versions.get(draft.aggregate) ?? state.get(draft.aggregate)?.length ?? 0) + 1;
    versions.set(draft.aggregate, version);
    return { ...draft, version };
  });
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

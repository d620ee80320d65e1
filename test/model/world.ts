/**
 * Everything that happens in a run: people who record, look after what was set aside, and are given other scopes; a program
 * that inserts rows beside the server; a forger; and faults. First a storm, then a calm, at whose end all must agree.
 *
 * @module
 */
import { SeededRandom } from '../soak/seeded-random.js';
import {
  AGGREGATES,
  decide,
  intentOf,
  OLD_AGGREGATE,
  payloadOf,
  randomCommand,
  scopeOf,
  SCOPES,
  type Scope,
  randomScopes,
} from './domain.js';
import { REFUSALS, type DeviceRules } from './device-draft.js';
import * as rules from './device-rules.js';
import type { DeviceState } from './device-state.js';
import { pendingUnits, SUPERSEDED } from './device-state.js';
import { heldIntents, TENANTS } from './held-intents.js';
import { noCounts, type Counts, type WorldOptions } from './counts.js';
import { Forger } from './forger.js';
import { ModelDevice } from './model-device.js';
import type { ModelLog } from './model-log.js';
import { headOf, tableVersion } from './model-log.js';
import type { Addressed, ModelAnswer, ModelRequest } from './model-server.js';
import { ModelServer, scopesId } from './model-server.js';
import { ModelNetwork, NO_FAULTS } from './network.js';
import { pageProblems, returned } from './page-checks.js';
import type { ModelPart } from './server-bootstrap.js';
import type { Mode } from './switches.js';
import { TraceWriter } from './trace-writer.js';
import type { TracedStep } from './trace.js';
import type { ModelEvent, ModelPage, SealedUnit } from './unit-types.js';
import { Witness } from './witness.js';

/** Devices, by subject and tenant; ann has two. */
const PEOPLE: readonly (readonly [subject: string, tenant: string])[] = [
  ['ann', 'blue'],
  ['ann', 'blue'],
  ['bob', 'blue'],
  ['dan', 'red'],
];
const FORGER = 'mal';
const STORM_STEPS = 160;
const CALM_STEPS_MAX = 600;
const DEVICES_MAX = 7;
/** So many times as often happens in a restless run what is rare otherwise. */
const RESTLESS = 8;
/** As long as a device waits for an answer, and a little more. */
const ANSWER_STEPS_MAX = 9;

export class World {
  readonly random: SeededRandom;
  readonly server: ModelServer;
  readonly witness: Witness = new Witness();
  readonly devices: ModelDevice[] = [];
  readonly counts: Counts = noCounts();
  /** Units that a device had confirmed, since its tenant's log was last set back. */
  readonly confirmedBy = new Map<ModelDevice, { readonly rewinds: number; readonly ids: Set<string> }>();
  /** The steps in which the logs of tenants were set back for the last time. */
  readonly restoredAt = new Map<string, number>();
  readonly #network: ModelNetwork;
  readonly #forger: Forger;
  readonly #rules: Omit<DeviceRules, 'release'>;
  readonly #writer: TraceWriter | undefined;
  readonly #stormSteps: number;
  /** Devices that forgot something, or are copies, and subjects whose scopes have changed. */
  readonly disturbed = new Set<string>();
  readonly #saved = new Map<ModelDevice, ModelDevice['state']>();
  readonly #backups: ModelLog[] = [];
  #names = 0;
  #now = 0;

  constructor(seed: number, mode: Mode, { isTraced = false, stormSteps = STORM_STEPS }: WorldOptions = {}) {
    this.#stormSteps = stormSteps;
    this.random = new SeededRandom(seed);
    this.#network = new ModelNetwork(this.random);
    const fresh = (): string => `u${++this.#names}`;
    this.server = new ModelServer(mode, fresh, (tenant, unit) => this.witness.accept(tenant, unit));
    this.#rules = {
      mode,
      fresh,
      chance: (share) => this.random.chance(share),
      decided: (edition, aggregate, payloads) => this.witness.decide(edition, aggregate, payloads),
      withdrawn: ({ command, intent }, read) => {
        this.counts.withdrawn++;
        this.witness.letGo(intent);
        const decided = command && decide(command, intent, { read, release: 2 });
        const isNothing = typeof decided === 'object' && decided.drafts.length === 0;
        if (!isNothing) this.witness.fail(`${intent} was withdrawn, and has something to do`);
      },
    };
    this.#writer = isTraced ? new TraceWriter(this.server) : undefined;
    this.#forger = new Forger(this.random, this.server, this.witness, {
      fresh,
      ask: (from, request, of) => this.#askForged(from, request, of),
    });
    for (const tenant of TENANTS) this.server.addTenant(tenant);
    this.#addMember(FORGER, 'blue', SCOPES);
    for (const [subject, tenant] of PEOPLE) {
      this.#addMember(subject, tenant, randomScopes(this.random));
      const name = `${subject}${this.devices.length}`;
      this.#addDevice({ name, subject, tenant, release: this.random.chance(0.3) ? 1 : 2 });
    }
    this.#recordOldEvents();
  }

  /** What has happened, where it was to be written down. */
  get steps(): readonly TracedStep[] {
    return this.#writer?.steps ?? [];
  }

  /** @returns what is wrong while it goes on, if something is */
  run(): string | undefined {
    while (this.#now < this.#stormSteps) {
      this.#step();
      this.#people();
      this.#faults();
      if (this.witness.problem !== undefined) return this.witness.problem;
    }
    this.#network.faults = NO_FAULTS;
    for (let step = 0; step < CALM_STEPS_MAX && !this.#isQuiet(); step++) this.#step();
    for (const { state } of this.devices) {
      this.counts.setAside += state.aside.size;
      this.counts.rewinds += state.rewinds;
    }
    for (const tenant of TENANTS) this.counts.logged += this.server.log(tenant).units.length;
    return this.witness.problem;
  }

  #step(): void {
    this.#now++;
    this.#network.step();
    for (const device of this.devices) {
      if (this.random.chance(0.8)) this.random.pick(device.tabs).step();
    }
  }

  #people(): void {
    for (const device of this.devices) {
      if (this.random.chance(0.08)) this.#record(device);
      if (this.#rarely(0.02)) this.#lookAfterAside(device);
    }
    const [subject] = this.random.pick(PEOPLE);
    if (this.#rarely(0.008)) {
      this.counts.scopeChanges++;
      this.disturbed.add(subject);
      this.server.grant(subject, randomScopes(this.random));
      this.#noteScopes(subject);
    }
    if (this.random.chance(0.02)) this.#insertBeside(this.random.pick(TENANTS));
    if (this.random.chance(0.01)) this.server.skipPosition(this.random.pick(TENANTS));
    if (this.random.chance(0.06)) this.#forger.act(FORGER, 'blue', 'red');
    if (this.random.chance(0.02)) this.#release(this.random.pick(this.devices));
  }

  #faults(): void {
    const device = this.random.pick(this.devices);
    if (this.random.chance(0.05)) this.#crash(device);
    if (this.random.chance(0.03)) this.#backup(this.random.pick(TENANTS));
    if (this.#rarely(0.008) && this.#backups.length > 0) this.#restore(this.random.pick(this.#backups));
    if (this.random.chance(0.02)) this.#save(device);
    if (this.random.chance(0.01)) this.#setBack(device);
    if (this.#rarely(0.006) && this.devices.length < DEVICES_MAX) this.#clone(this.#toCopy(device));
    const isForNew = this.#rules.mode.hasBootstrap && this.devices.length < DEVICES_MAX;
    if (isForNew && this.random.chance(0.015)) this.#addNew(device);
  }

  #rarely(share: number): boolean {
    return this.random.chance(this.#rules.mode.isRestless ? RESTLESS * share : share);
  }

  #record(device: ModelDevice): void {
    const { subject, tenant } = device;
    const seen = AGGREGATES.filter((aggregate) => this.server.scopesOf(subject).includes(scopeOf(aggregate)));
    const aggregates = seen.length > 0 && this.random.chance(0.9) ? seen : AGGREGATES;
    const ids = { id: this.#rules.fresh(), intent: `i${++this.#names}` };
    const command = randomCommand(this.random, aggregates);
    const next = rules.record(device.state, command, ids, this.#rulesOf(device));
    if (next === undefined) return;
    device.state = next;
    this.#writer?.note({ do: 'record', device: device.name, command, ...ids }, device);
    this.counts.units++;
    this.witness.acknowledge(ids.intent, tenant, device.name);
  }

  #lookAfterAside(device: ModelDevice): void {
    const ids = [...device.state.aside.keys()];
    if (ids.length === 0) return;
    const id = this.random.pick(ids);
    if (this.random.chance(0.7)) {
      this.counts.retried++;
      device.state = rules.retry(device.state, id, this.#rulesOf(device));
      this.#writer?.note({ do: 'retry', device: device.name, id }, device);
      return;
    }
    this.counts.discarded++;
    // Of others nothing else says what it was recorded for.
    for (const { payload } of device.state.aside.get(id)?.unit.events ?? []) this.witness.letGo(intentOf(payload));
    device.state = rules.discard(device.state, id);
    this.#writer?.note({ do: 'discard', device: device.name, id }, device);
  }

  /** Another release of the application runs on a device: a newer one, or, after a roll back, an older one. */
  #release(device: ModelDevice): void {
    this.counts.releases++;
    device.release = device.release === 1 ? 2 : 1;
    this.#writer?.note({ do: 'release', device: device.name, release: device.release });
  }

  #insertBeside(tenant: string): void {
    this.counts.besides++;
    const intent = `b${++this.#names}`;
    this.witness.acknowledge(intent, tenant, 'beside');
    const aggregate = this.random.pick(AGGREGATES);
    const isOpen = tableVersion(this.server.log(tenant), aggregate) > 0;
    this.#insertRow(tenant, aggregate, payloadOf(isOpen ? this.random.between(1, 3) : 0, intent));
  }

  #insertRow(tenant: string, aggregate: string, payload: string): void {
    const version = tableVersion(this.server.log(tenant), aggregate) + 1;
    this.server.insertBeside(tenant, aggregate, payload);
    this.#writer?.note({ do: 'beside', tenant, aggregate, version, payload }, { tenant });
  }

  #backup(tenant: string): void {
    this.#backups.push(this.server.log(tenant));
    this.#writer?.note({ do: 'backup', tenant, backup: this.#backups.length });
  }

  #restore(backup: ModelLog): void {
    const { tenant } = backup;
    this.counts.restores++;
    this.#forgiveAside(backup);
    this.server.restore(backup);
    this.restoredAt.set(tenant, this.#now);
    this.#writer?.note({ do: 'restore', tenant, backup: this.#backups.indexOf(backup) + 1 }, { tenant });
    this.#forgive();
  }

  #crash(device: ModelDevice): void {
    device.crash();
    this.#writer?.note({ do: 'crash', device: device.name }, device);
  }

  #save(device: ModelDevice): void {
    this.#saved.set(device, device.state);
    this.#writer?.note({ do: 'save', device: device.name });
  }

  #setBack(device: ModelDevice): void {
    const saved = this.#saved.get(device);
    if (saved === undefined) return;
    this.counts.setBacks++;
    this.disturbed.add(device.name);
    device.state = saved;
    device.crash();
    this.#writer?.note({ do: 'setBack', device: device.name }, device);
    this.confirmedBy.delete(device);
    this.#forgive();
  }

  /** In a restless run, one on which something waits for a person: two people look after it then. */
  #toCopy(device: ModelDevice): ModelDevice {
    const waiting = this.devices.filter(({ state }) =>
      [...state.aside.values()].some(({ code }) => REFUSALS.has(code)),
    );
    return this.#rules.mode.isRestless && waiting.length > 0 ? this.random.pick(waiting) : device;
  }

  #clone(device: ModelDevice): void {
    this.counts.clones++;
    const { subject, tenant, state, release } = device;
    const copy = this.#addDevice({ name: `${device.name}c${this.devices.length}`, subject, tenant, release });
    copy.state = state;
    this.#writer?.note({ do: 'copy', device: device.name, as: copy.name }, copy);
  }

  /** Another device of somebody's, in which nothing is. */
  #addNew({ subject, tenant }: ModelDevice): void {
    this.counts.newDevices++;
    const release = this.random.chance(0.3) ? 1 : 2;
    this.#addDevice({ name: `${subject}n${this.devices.length}`, subject, tenant, release });
  }

  /**
   * What the log had set aside is no part of its chain: where that is lost, who was told that it is kept there does not notice,
   * and lets go of it when healing ends.
   */
  #forgiveAside({ tenant, aside: kept }: ModelLog): void {
    for (const [id, { events }] of this.server.log(tenant).aside) {
      for (const { payload } of kept.has(id) ? [] : events) {
        const acknowledged = this.witness.acknowledged.get(intentOf(payload));
        if (acknowledged !== undefined) acknowledged.isForgiven = true;
      }
    }
  }

  /** What nobody holds any more is forgiven. */
  #forgive(): void {
    const held = new Set(heldIntents(this));
    for (const [intent, acknowledged] of this.witness.acknowledged) {
      if (!held.has(`${acknowledged.tenant}|${intent}`)) acknowledged.isForgiven = true;
    }
  }

  #addMember(subject: string, tenant: string, scopes: readonly Scope[]): void {
    this.server.addMember(subject, tenant, scopes);
    this.#noteScopes(subject, tenant);
  }

  #noteScopes(subject: string, tenant = PEOPLE.find(([name]) => name === subject)?.[1] ?? ''): void {
    this.#writer?.note({ do: 'grant', subject, tenant, scopes: this.server.scopesOf(subject) });
  }

  #rulesOf(device: Pick<ModelDevice, 'release'>): DeviceRules {
    return { ...this.#rules, release: device.release };
  }

  #addDevice(about: Pick<ModelDevice, 'name' | 'subject' | 'tenant' | 'release'>): ModelDevice {
    const { name, subject, tenant } = about;
    const device = new ModelDevice(about, (of) => ({
      random: this.random,
      rules: () => this.#rulesOf(of),
      send: (request, answered) => {
        if (request.kind === 'push' && request.follows !== undefined) this.counts.ahead++;
        const number = this.#writer?.noteRequest(of, request);
        const ask = (): ModelAnswer => this.#handle({ subject, tenant }, request, number);
        this.#network.send(ask, answered, request.kind === 'push');
      },
      changed: (step) => this.#writer?.noteDevice(of, step),
      stored: (page, before) => this.#onPage(of, page, before),
      bootstrapped: (part, before) => this.#onPart(of, part, before),
      truncated: (before) => this.#onTruncated(of, before),
    }));
    this.devices.push(device);
    this.#writer?.note({ do: 'device', device: name, subject, tenant, release: device.release }, device);
    return device;
  }

  #askForged(from: Addressed, request: ModelRequest, of?: SealedUnit): ModelAnswer {
    if (request.kind === 'heal' && request.units[0] !== undefined && of !== undefined) {
      this.#writer?.noteForged(request.units[0], of);
    }
    const number = this.#writer?.noteForgery(from.subject, from.tenant, request);
    const answer = this.server.handle(from, request);
    if (number !== undefined) this.#writer?.noteAnswer(number, from.tenant, request, answer);
    return answer;
  }

  /** What was sent after something comes after it, whichever of the two arrives first. */
  #handle(from: Addressed, request: ModelRequest, number: number | undefined): ModelAnswer {
    const before = this.server.log(from.tenant);
    const answer = this.server.handle(from, request);
    if (number !== undefined) this.#writer?.noteAnswer(number, from.tenant, request, answer);
    const follows = request.kind === 'push' ? request.follows : undefined;
    if (answer.kind !== 'push' || follows === undefined || before.known.has(follows)) return answer;
    const { known } = this.server.log(from.tenant);
    const isNew = (id: string): boolean => !before.known.has(id) && known.get(id)?.author === from.subject;
    const added = answer.answer.decisions.find(({ id }) => isNew(id));
    if (added !== undefined) this.witness.fail(`${added.id} was decided before ${follows}, after which it was sent`);
    return answer;
  }

  #onTruncated({ tenant, state }: ModelDevice, before: DeviceState): void {
    this.counts.truncations++;
    for (const { id, intent, events } of before.units.values()) {
      const acknowledged = this.witness.acknowledged.get(intent);
      const isLess = (state.units.get(id)?.events.length ?? 0) < events.length;
      if (acknowledged !== undefined && isLess) acknowledged.isTruncated = true;
    }
    this.#forgiveInFlight(tenant);
  }

  /** What has left a device by an answer that was on its way when the server was set back. */
  #forgiveInFlight(tenant: string): void {
    if (this.#now - (this.restoredAt.get(tenant) ?? -Infinity) <= ANSWER_STEPS_MAX) this.#forgive();
  }

  #onPart(device: ModelDevice, part: ModelPart, before: DeviceState): void {
    this.counts.parts++;
    this.counts.bases += device.state.bases.size - before.bases.size;
    this.#forger.overhear(part.units);
    this.#forgiveInFlight(device.tenant);
    for (const { id, status } of before.units.values()) {
      if (status === 'confirmed' && !device.state.units.has(id))
        this.witness.fail(`${id} has left ${device.name} by a part`);
    }
  }

  #onPage(device: ModelDevice, page: ModelPage, before: DeviceState): void {
    this.#forger.overhear(page.units);
    this.#noteConfirmed(device, page);
    this.#forgiveInFlight(device.tenant);
    this.counts.returned += returned(device, before);
    for (const problem of pageProblems({ device, page, before, rules: this.#rulesOf(device) }, this.witness)) {
      this.witness.fail(problem);
    }
  }

  #noteConfirmed(device: ModelDevice, { units }: ModelPage): void {
    const { rewinds } = device.state;
    const before = this.confirmedBy.get(device);
    const confirmed = before?.rewinds === rewinds ? before.ids : new Set<string>();
    this.confirmedBy.set(device, { rewinds, ids: confirmed });
    for (const { id } of units) confirmed.add(id);
  }

  /** A store of the release before units, and a copy of it with somebody else; the server has a part of what is in it. */
  #recordOldEvents(): void {
    const events: ModelEvent[] = [];
    const known = this.random.between(0, 4);
    for (let version = 1; version <= 4; version++) {
      const intent = `o${version}`;
      const payload = payloadOf(version, intent);
      events.push({ aggregate: OLD_AGGREGATE, version, payload });
      this.witness.acknowledge(intent, 'blue', 'old');
      if (version <= known) this.#insertRow('blue', OLD_AGGREGATE, payload);
    }
    for (const device of [this.devices[0], this.devices[2]]) {
      if (device === undefined) continue;
      device.state = rules.upgrade(device.state, events, this.#rulesOf(device));
      this.#writer?.note({ do: 'upgrade', device: device.name, events }, device);
    }
  }

  #isQuiet(): boolean {
    if (TENANTS.some((tenant) => this.server.log(tenant).loose.length > 0)) return false;
    return this.devices.every(({ state, tenant, subject }) => {
      const { position, hash, scopes } = state.cursor;
      const isAtEnd = hash === headOf(this.server.log(tenant)).hash;
      const isUpToDate = position === 0 || scopes === scopesId(this.server.scopesOf(subject));
      return (
        isAtEnd &&
        isUpToDate &&
        state.pass === undefined &&
        state.bootstrap === undefined &&
        state.healing === 'none' &&
        pendingUnits(state).length === 0 &&
        // What a part has superseded waits for the page after it.
        ![...state.aside.values()].some(({ code }) => code === SUPERSEDED)
      );
    });
  }
}

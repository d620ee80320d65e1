/**
 * Everything that happens in a run: people who record, look after what was set aside, and are given other scopes; a program
 * that inserts rows beside the server; a forger; and faults. First a storm, then a calm, at whose end all must agree.
 *
 * @module
 */
import { SeededRandom } from '../soak/seeded-random.js';
import {
  AGGREGATES,
  intentOf,
  OLD_AGGREGATE,
  payloadOf,
  randomCommand,
  scopeOf,
  SCOPES,
  type Scope,
} from './domain.js';
import type { DeviceRules } from './device-draft.js';
import * as rules from './device-rules.js';
import type { DeviceState } from './device-state.js';
import { pendingUnits } from './device-state.js';
import { isPart } from './device-truncation.js';
import { Forger } from './forger.js';
import { ModelDevice } from './model-device.js';
import type { ModelLog } from './model-log.js';
import { headOf, tableVersion } from './model-log.js';
import type { Addressed, ModelAnswer, ModelRequest } from './model-server.js';
import { ModelServer, scopesId } from './model-server.js';
import { ModelNetwork, NO_FAULTS } from './network.js';
import type { ModelPart } from './server-bootstrap.js';
import type { Mode } from './switches.js';
import type { ModelEvent, ModelPage } from './unit-types.js';
import { Witness } from './witness.js';

export const TENANTS: readonly string[] = ['blue', 'red'];

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
/** As long as a device waits for an answer, and a little more. */
const ANSWER_STEPS_MAX = 9;

export interface Counts {
  units: number;
  logged: number;
  setAside: number;
  retried: number;
  discarded: number;
  restores: number;
  setBacks: number;
  clones: number;
  scopeChanges: number;
  besides: number;
  rewinds: number;
  /** Pushes that were sent before the one before them was answered. */
  ahead: number;
  truncations: number;
  /** Devices that came later. */
  newDevices: number;
  /** Parts of bootstraps that were stored, and what stands for history in them. */
  parts: number;
  bases: number;
}

export class World {
  readonly random: SeededRandom;
  readonly server: ModelServer;
  readonly witness: Witness = new Witness();
  readonly devices: ModelDevice[] = [];
  readonly counts: Counts = {
    units: 0,
    logged: 0,
    setAside: 0,
    retried: 0,
    discarded: 0,
    restores: 0,
    setBacks: 0,
    clones: 0,
    scopeChanges: 0,
    besides: 0,
    rewinds: 0,
    ahead: 0,
    truncations: 0,
    newDevices: 0,
    parts: 0,
    bases: 0,
  };
  /** Units that a device had confirmed, since its tenant's log was last set back. */
  readonly confirmedBy = new Map<ModelDevice, { readonly rewinds: number; readonly ids: Set<string> }>();
  /** The steps in which the logs of tenants were set back for the last time. */
  readonly restoredAt = new Map<string, number>();
  readonly #network: ModelNetwork;
  readonly #forger: Forger;
  readonly #rules: DeviceRules;
  /** Devices that forgot something, or are copies, and subjects whose scopes have changed. */
  readonly disturbed = new Set<string>();
  readonly #saved = new Map<ModelDevice, ModelDevice['state']>();
  readonly #backups: ModelLog[] = [];
  #names = 0;
  #now = 0;

  constructor(seed: number, mode: Mode) {
    this.random = new SeededRandom(seed);
    this.#network = new ModelNetwork(this.random);
    const fresh = (): string => `u${++this.#names}`;
    this.server = new ModelServer(mode, fresh, (tenant, unit) => this.witness.accept(tenant, unit));
    this.#rules = {
      mode,
      fresh,
      chance: (share) => this.random.chance(share),
      decided: (edition, aggregate, payloads) => this.witness.decide(edition, aggregate, payloads),
    };
    this.#forger = new Forger(this.random, this.server, this.witness, fresh);
    for (const tenant of TENANTS) this.server.addTenant(tenant);
    this.server.addMember(FORGER, 'blue', SCOPES);
    for (const [subject, tenant] of PEOPLE) {
      this.server.addMember(subject, tenant, this.#randomScopes());
      this.#addDevice(`${subject}${this.devices.length}`, subject, tenant);
    }
    this.#recordOldEvents();
  }

  /** @returns what is wrong while it goes on, if something is */
  run(): string | undefined {
    while (this.#now < STORM_STEPS) {
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
      if (this.random.chance(0.02)) this.#lookAfterAside(device);
    }
    const [subject] = this.random.pick(PEOPLE);
    if (this.random.chance(0.008)) {
      this.counts.scopeChanges++;
      this.disturbed.add(subject);
      this.server.grant(subject, this.#randomScopes());
    }
    if (this.random.chance(0.02)) this.#insertBeside(this.random.pick(TENANTS));
    if (this.random.chance(0.01)) this.server.skipPosition(this.random.pick(TENANTS));
    if (this.random.chance(0.06)) this.#forger.act(FORGER, 'blue', 'red');
  }

  #faults(): void {
    const device = this.random.pick(this.devices);
    if (this.random.chance(0.05)) device.crash();
    if (this.random.chance(0.03)) this.#backups.push(this.server.log(this.random.pick(TENANTS)));
    if (this.random.chance(0.008) && this.#backups.length > 0) this.#restore(this.random.pick(this.#backups));
    if (this.random.chance(0.02)) this.#saved.set(device, device.state);
    if (this.random.chance(0.01)) this.#setBack(device);
    if (this.random.chance(0.006) && this.devices.length < DEVICES_MAX) this.#clone(device);
    const isForNew = this.#rules.mode.hasBootstrap && this.devices.length < DEVICES_MAX;
    if (isForNew && this.random.chance(0.015)) this.#addNew(device);
  }

  #record(device: ModelDevice): void {
    const { subject, tenant } = device;
    const seen = AGGREGATES.filter((aggregate) => this.server.scopesOf(subject).includes(scopeOf(aggregate)));
    const aggregates = seen.length > 0 && this.random.chance(0.9) ? seen : AGGREGATES;
    const ids = { id: this.#rules.fresh(), intent: `i${++this.#names}` };
    const next = rules.record(device.state, randomCommand(this.random, aggregates), ids, this.#rules);
    if (next === undefined) return;
    device.state = next;
    this.counts.units++;
    this.witness.acknowledge(ids.intent, tenant, device.name);
  }

  #lookAfterAside(device: ModelDevice): void {
    const ids = [...device.state.aside.keys()];
    if (ids.length === 0) return;
    const id = this.random.pick(ids);
    if (this.random.chance(0.7)) {
      this.counts.retried++;
      device.state = rules.retry(device.state, id, this.#rules);
      return;
    }
    this.counts.discarded++;
    const acknowledged = this.witness.acknowledged.get(device.state.aside.get(id)?.unit.intent ?? '');
    if (acknowledged !== undefined) acknowledged.isDiscarded = true;
    device.state = rules.discard(device.state, id);
  }

  #insertBeside(tenant: string): void {
    this.counts.besides++;
    const intent = `b${++this.#names}`;
    this.witness.acknowledge(intent, tenant, 'beside');
    const aggregate = this.random.pick(AGGREGATES);
    const isOpen = tableVersion(this.server.log(tenant), aggregate) > 0;
    this.server.insertBeside(tenant, aggregate, payloadOf(isOpen ? this.random.between(1, 3) : 0, intent));
  }

  #restore(backup: ModelLog): void {
    this.counts.restores++;
    this.server.restore(backup);
    this.restoredAt.set(backup.tenant, this.#now);
    this.#forgive();
  }

  #setBack(device: ModelDevice): void {
    const saved = this.#saved.get(device);
    if (saved === undefined) return;
    this.counts.setBacks++;
    this.disturbed.add(device.name);
    device.state = saved;
    device.crash();
    this.confirmedBy.delete(device);
    this.#forgive();
  }

  #clone(device: ModelDevice): void {
    this.counts.clones++;
    const { subject, tenant, state } = device;
    this.#addDevice(`${device.name}c${this.devices.length}`, subject, tenant).state = state;
  }

  /** Another device of somebody's, in which nothing is. */
  #addNew({ subject, tenant }: ModelDevice): void {
    this.counts.newDevices++;
    this.#addDevice(`${subject}n${this.devices.length}`, subject, tenant);
  }

  /** What nobody holds any more is forgiven. */
  #forgive(): void {
    const held = new Set(heldIntents(this, { withOwnOnly: !this.#rules.mode.hasSeals }));
    for (const [intent, acknowledged] of this.witness.acknowledged) {
      if (!held.has(`${acknowledged.tenant}|${intent}`)) acknowledged.isForgiven = true;
    }
  }

  #addDevice(name: string, subject: string, tenant: string): ModelDevice {
    const device = new ModelDevice(name, subject, tenant, () => ({
      random: this.random,
      rules: this.#rules,
      send: (request, answered) => {
        if (request.kind === 'push' && request.follows !== undefined) this.counts.ahead++;
        this.#network.send(() => this.#handle({ subject, tenant }, request), answered, request.kind === 'push');
      },
      stored: (of, page, before) => this.#onPage(of, page, before),
      bootstrapped: (of, part, before) => this.#onPart(of, part, before),
      truncated: (of, before) => this.#onTruncated(of, before),
    }));
    this.devices.push(device);
    return device;
  }

  /** What was sent after something comes after it, whichever of the two arrives first. */
  #handle(from: Addressed, request: ModelRequest): ModelAnswer {
    const before = this.server.log(from.tenant);
    const answer = this.server.handle(from, request);
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

  /** A page has whole units, as they were accepted, and as much of each as its reader may see. */
  #onPage(device: ModelDevice, page: ModelPage, stateBefore: DeviceState): void {
    this.#forger.overhear(page.units);
    const { rewinds } = device.state;
    const before = this.confirmedBy.get(device);
    const confirmed = before?.rewinds === rewinds ? before.ids : new Set<string>();
    this.confirmedBy.set(device, { rewinds, ids: confirmed });
    this.#forgiveInFlight(device.tenant);
    const scopes = page.to.scopes.split('+');
    const { cursor } = stateBefore.pass ?? stateBefore;
    if (page.to.position < cursor.position) this.witness.fail(`a page has taken ${device.name} back`);
    for (const { id, status, events } of stateBefore.units.values()) {
      const left = device.state.units.get(id)?.events ?? [];
      const seen = events.find((event) => !left.includes(event) && scopes.includes(scopeOf(event.aggregate)));
      if (status === 'confirmed' && seen !== undefined)
        this.witness.fail(`${id} has left ${device.name}, who may see it`);
    }
    for (const { id, edition, events } of page.units) {
      confirmed.add(id);
      const whole = this.witness.acceptedAs(device.tenant, edition);
      const visible = whole?.events.filter(({ aggregate }) => scopes.includes(scopeOf(aggregate)));
      if (visible?.length !== events.length) this.witness.fail(`${device.name} was shown a piece of ${edition}`);
    }
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
      if (version <= known) this.server.insertBeside('blue', OLD_AGGREGATE, payload);
    }
    for (const device of [this.devices[0], this.devices[2]]) {
      if (device !== undefined) device.state = rules.upgrade(device.state, events, this.#rules);
    }
  }

  #randomScopes(): readonly Scope[] {
    return this.random.weighted<readonly Scope[]>([
      [5, SCOPES],
      [2, ['north']],
      [2, ['south']],
      [1, []],
    ]);
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
        pendingUnits(state).length === 0
      );
    });
  }
}

/** What anybody holds, by tenant and intent; also what servers have set aside, and what devices have of others. */
export function* heldIntents(
  { server, devices }: Pick<World, 'server' | 'devices'>,
  { withAside = true, withOwnOnly = false }: { readonly withAside?: boolean; readonly withOwnOnly?: boolean } = {},
): Generator<string> {
  for (const tenant of TENANTS) {
    const { units, loose, aside } = server.log(tenant);
    for (const { events } of units) yield* intents(tenant, events);
    yield* intents(tenant, loose);
    if (withAside) for (const { events } of aside.values()) yield* intents(tenant, events);
  }
  for (const { state, tenant } of devices) {
    for (const unit of [...state.units.values(), ...[...state.aside.values()].map((entry) => entry.unit)]) {
      if (isPart(unit)) continue;
      if (withOwnOnly && !(unit.isOwn && unit.events.length === unit.total)) continue;
      yield* intents(tenant, unit.events);
    }
  }
}

function* intents(tenant: string, events: readonly { readonly payload: string }[]): Generator<string> {
  for (const { payload } of events) yield `${tenant}|${intentOf(payload)}`;
}

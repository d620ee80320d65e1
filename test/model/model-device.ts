/**
 * A device: one durable state, and several tabs that synchronise it at once without knowing of each other.
 *
 * @module
 */
import type { SeededRandom } from '../soak/seeded-random.js';
import { AGGREGATES, OLD_AGGREGATE } from './domain.js';
import type { DeviceRules } from './device-draft.js';
import * as rules from './device-rules.js';
import { bootstrapOf, insertPart } from './device-bootstrap.js';
import { truncatable, truncate } from './device-truncation.js';
import type { DeviceState, HeldUnit } from './device-state.js';
import { EMPTY_DEVICE, lostUnits, pendingUnits, pushed } from './device-state.js';
import type { ModelPart, PartAnswer } from './server-bootstrap.js';
import type { ModelAnswer, ModelRequest } from './model-server.js';
import type { PageAnswer, PushAnswer } from './server-rules.js';
import type { ModelCursor, ModelPage } from './unit-types.js';
import { START } from './unit-types.js';

/** Steps after which an answer is given up. Nothing needs to be known of what became of the request. */
const PATIENCE = 6;
const PUSH_UNITS_MAX = 6;
/** Pushes that are on their way at once. */
const PUSHES_MAX = 2;
const OFFER_UNITS_MAX = 8;
const PAGE_EVENTS_MAX = 20;

/** What a device is surrounded by. */
export interface Surroundings {
  readonly random: SeededRandom;
  readonly send: (request: ModelRequest, answered: (answer: ModelAnswer) => void) => void;
  /** Called after something has left. */
  readonly truncated: (device: ModelDevice, before: DeviceState) => void;
  /** Called after a part of a bootstrap was stored. */
  readonly bootstrapped: (device: ModelDevice, part: ModelPart, before: DeviceState) => void;
  /** Called after a page was stored. */
  readonly stored: (device: ModelDevice, page: ModelPage, before: DeviceState) => void;
  readonly rules: DeviceRules;
}

export class ModelDevice {
  readonly name: string;
  readonly subject: string;
  readonly tenant: string;
  state: DeviceState = EMPTY_DEVICE;
  readonly tabs: readonly ModelTab[];

  constructor(name: string, subject: string, tenant: string, surroundings: (device: ModelDevice) => Surroundings) {
    this.name = name;
    this.subject = subject;
    this.tenant = tenant;
    const around = surroundings(this);
    this.tabs = [new ModelTab(this, around), new ModelTab(this, around)];
  }

  /** All tabs are killed: what is not durable is gone. */
  crash(): void {
    for (const tab of this.tabs) tab.crash();
  }
}

/** A push that is on its way, or answered before the one before it. */
interface SentPush {
  readonly units: readonly HeldUnit[];
  answer: PushAnswer | undefined;
  patience: number;
}

/** How far a tab has offered what is lost. */
interface Offer {
  readonly rewinds: number;
  readonly position: number;
  readonly head: ModelCursor;
}

const NO_OFFER: Offer = { rewinds: -1, position: 0, head: START };

export class ModelTab {
  readonly #device: ModelDevice;
  readonly #around: Surroundings;
  #waiting = 0;
  /** Of the request that is on its way. */
  #token = {};
  #isDiverged = false;
  /** What a push has said is accepted; a hint. */
  #accepted = new Set<string>();
  #offer: Offer = NO_OFFER;
  /** In their order. */
  #sent: SentPush[] = [];

  constructor(device: ModelDevice, around: Surroundings) {
    this.#device = device;
    this.#around = around;
  }

  crash(): void {
    this.#waiting = 0;
    this.#token = {};
    this.#isDiverged = false;
    this.#accepted = new Set();
    this.#offer = NO_OFFER;
    this.#sent = [];
  }

  step(): void {
    if (this.#waiting > 0) {
      this.#waiting--;
      return;
    }
    const { state } = this.#device;
    if (this.#sent.length > 0) {
      this.#waitForPushes(state);
      return;
    }
    if (this.#isDiverged) this.#askCommon(state);
    else if (state.healing === 'offering') this.#offerLost(state);
    else if (!this.#push(state) && !this.#truncate(state)) this.#pull(state);
  }

  #askCommon({ marks }: DeviceState): void {
    this.#send({ kind: 'common', marks }, (answer) => {
      if (answer.kind !== 'common') return;
      const next = rules.rewind(this.#device.state, answer.common, this.#around.rules);
      if (next !== undefined) this.#device.state = next;
      this.#isDiverged = false;
    });
  }

  #offerLost(state: DeviceState): void {
    const { rewinds } = state;
    if (this.#offer.rewinds !== rewinds) this.#offer = { rewinds, position: 0, head: START };
    const { position, head } = this.#offer;
    const units = lostUnits(state)
      .filter((unit) => unit.position > position)
      .slice(0, OFFER_UNITS_MAX);
    const last = units.at(-1);
    if (last === undefined) {
      this.#device.state = rules.endOffering(state, rewinds, head, this.#around.rules);
      return;
    }
    this.#send({ kind: 'heal', units, held: [head] }, (answer) => {
      if (answer.kind !== 'heal') return;
      if (answer.answer === 'diverged') this.#isDiverged = true;
      else this.#offer = { rewinds, position: last.position, head: answer.answer.head };
    });
  }

  /** @returns whether there was something to push, and it was its turn */
  #push(state: DeviceState): boolean {
    const { random } = this.#around;
    const last = this.#sent.at(-1)?.units.at(-1);
    const todo = pendingUnits(state).filter(({ id, local }) => !this.#accepted.has(id) && local > (last?.local ?? 0));
    if (todo.length === 0 || !random.chance(0.6)) return false;
    const units = todo.slice(0, random.between(1, PUSH_UNITS_MAX));
    const sent: SentPush = { units, answer: undefined, patience: PATIENCE };
    this.#sent.push(sent);
    const request = { kind: 'push', units: units.map((unit) => pushed(state, unit)), follows: last?.id } as const;
    this.#around.send(request, (answer) => {
      // Killed, given up, or answered by now.
      if (answer.kind !== 'push' || !this.#sent.includes(sent)) return;
      sent.answer ??= answer.answer;
      this.#takePushes();
    });
    return true;
  }

  /** While the first is waited for, the next one may be sent. All are given up with it. */
  #waitForPushes(state: DeviceState): void {
    const [first] = this.#sent;
    if (first !== undefined && --first.patience <= 0) this.#sent = [];
    else if (this.#sent.length < PUSHES_MAX) this.#push(state);
  }

  /** Takes answers in the order of the pushes. After one that is not as it was hoped for, those that follow it say nothing. */
  #takePushes(): void {
    for (;;) {
      const answer = this.#sent[0]?.answer;
      if (answer === undefined) return;
      const isAllAccepted = answer.conflict === undefined && answer.decisions.every(({ kind }) => kind === 'accepted');
      this.#sent = isAllAccepted ? this.#sent.slice(1) : [];
      this.#onPush(answer);
    }
  }

  #onPush({ decisions }: PushAnswer): void {
    const { rules: deviceRules } = this.#around;
    const refused: { id: string; code: string }[] = [];
    for (const decision of decisions) {
      if (decision.kind === 'rejected') refused.push(decision);
      else this.#accepted.add(decision.id);
    }
    if (deviceRules.mode.broken === 'confirm-by-answer') this.#confirmByAnswer(decisions);
    this.#device.state = rules.setAside(this.#device.state, refused, deviceRules);
  }

  #confirmByAnswer(decisions: PushAnswer['decisions']): void {
    const units = new Map(this.#device.state.units);
    for (const { id, kind } of decisions) {
      const unit = units.get(id);
      if (kind === 'accepted' && unit?.status === 'pending') units.set(id, { ...unit, status: 'confirmed' });
    }
    this.#device.state = { ...this.#device.state, units };
  }

  /** @returns whether the server is asked about something that could leave */
  #truncate(state: DeviceState): boolean {
    const { random, rules: deviceRules, truncated } = this.#around;
    if (state.bootstrap !== undefined || !random.chance(0.05)) return false;
    const aggregate = random.pick([...AGGREGATES, OLD_AGGREGATE]);
    const range = truncatable(state, aggregate);
    if (range === undefined) return false;
    const version = random.between(range.from, range.to);
    this.#send({ kind: 'digest', aggregate, version }, (answer) => {
      if (answer.kind !== 'digest' || answer.digest === undefined) return;
      const before = this.#device.state;
      this.#device.state = truncate(before, { aggregate, version, digest: answer.digest }, deviceRules);
      if (this.#device.state !== before) truncated(this.#device, before);
    });
    return true;
  }

  #pull(state: DeviceState): void {
    const { hasBootstrap } = this.#around.rules.mode;
    const bootstrap = hasBootstrap ? bootstrapOf(state, this.#around.rules) : undefined;
    if (bootstrap !== undefined && (bootstrap.from !== undefined || this.#around.random.chance(0.7))) {
      this.#askPart(bootstrap);
      return;
    }
    const after = state.pass?.cursor ?? state.cursor;
    const { broken } = this.#around.rules.mode;
    const offered = broken === 'offered-unsaid' ? START : state.offered;
    const held = [offered, broken === 'held-unsaid' ? START : (state.pass?.held ?? START)];
    const limit = this.#around.random.between(1, PAGE_EVENTS_MAX);
    this.#send({ kind: 'pull', after, held, limit }, (answer) => {
      if (answer.kind === 'pull') this.#onPage(answer.answer, after, state);
    });
  }

  #askPart(question: NonNullable<ReturnType<typeof bootstrapOf>>): void {
    const limit = this.#around.random.between(1, 3);
    this.#send({ kind: 'part', ...question, limit }, (answer) => {
      if (answer.kind === 'part') this.#onPart(answer.answer, question.from?.at ?? START);
    });
  }

  #onPart(answer: PartAnswer, asked: ModelCursor): void {
    const { state } = this.#device;
    const { rules: deviceRules, bootstrapped } = this.#around;
    if (answer === 'none') return;
    if (answer === 'diverged') this.#isDiverged = true;
    else if (answer === 'rescoped') this.#device.state = rules.beginPass(state, asked);
    else {
      const next = insertPart(state, answer, deviceRules);
      if (next === undefined) return;
      this.#device.state = next;
      if (answer.isHead) this.#accepted.clear();
      bootstrapped(this.#device, answer, state);
    }
  }

  #onPage(answer: PageAnswer, after: ModelCursor, asked: DeviceState): void {
    const { rules: deviceRules, random, stored } = this.#around;
    const state = deviceRules.mode.broken === 'stale-tab' ? asked : this.#device.state;
    if (answer === 'diverged') this.#isDiverged = true;
    else if (answer === 'rescoped') this.#device.state = rules.beginPass(state, after);
    else {
      const next = rules.insertPage(state, answer, deviceRules);
      if (next === undefined) return;
      if (deviceRules.mode.broken === 'cursor-apart' && random.chance(0.1)) {
        this.#device.state = { ...state, cursor: next.cursor, pass: next.pass, marks: next.marks };
        return;
      }
      this.#device.state = next;
      if (answer.isHead && deviceRules.mode.broken !== 'answer-is-truth') this.#accepted.clear();
      stored(this.#device, answer, state);
    }
  }

  #send(request: ModelRequest, answered: (answer: ModelAnswer) => void): void {
    const token = {};
    this.#token = token;
    this.#waiting = PATIENCE;
    this.#around.send(request, (answer) => {
      // Killed, given up, or answered by now.
      if (this.#token !== token || this.#waiting === 0) return;
      this.#waiting = 0;
      this.#token = {};
      answered(answer);
    });
  }
}

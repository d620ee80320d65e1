/**
 * A device: one durable state, and several tabs that synchronise it at once without knowing of each other.
 *
 * @module
 */
import type { SeededRandom } from '../soak/seeded-random.js';
import { AGGREGATES, OLD_AGGREGATE, type Release } from './domain.js';
import type { DeviceRules } from './device-draft.js';
import * as rules from './device-rules.js';
import { bootstrapOf, insertPart } from './device-bootstrap.js';
import { truncatable, truncate } from './device-truncation.js';
import type { DeviceState, HeldUnit } from './device-state.js';
import { EMPTY_DEVICE, lostUnits, pendingUnits, pushed } from './device-state.js';
import type { ModelPart, PartAnswer } from './server-bootstrap.js';
import type { ModelAnswer, ModelRequest } from './model-server.js';
import type { Switch } from './switches.js';
import type { PushAnswer } from './server-rules.js';
import type { DeviceStep } from './trace-writer.js';
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
  /** Told of what has become of an answer, after the state has changed. */
  readonly changed: (step: DeviceStep) => void;
  /** Called after something has left. */
  readonly truncated: (before: DeviceState) => void;
  /** Called after a part of a bootstrap was stored. */
  readonly bootstrapped: (part: ModelPart, before: DeviceState) => void;
  /** Called after a page was stored. */
  readonly stored: (page: ModelPage, before: DeviceState) => void;
  /** By the release that the device has then. */
  readonly rules: () => DeviceRules;
}

export class ModelDevice {
  readonly name: string;
  readonly subject: string;
  readonly tenant: string;
  /** Of the application that it runs. */
  release: Release;
  state: DeviceState = EMPTY_DEVICE;
  readonly tabs: readonly ModelTab[];

  constructor(
    { name, subject, tenant, release }: Pick<ModelDevice, 'name' | 'subject' | 'tenant' | 'release'>,
    surroundings: (device: ModelDevice) => Surroundings,
  ) {
    this.name = name;
    this.subject = subject;
    this.tenant = tenant;
    this.release = release;
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
  answer: Extract<ModelAnswer, { readonly kind: 'push' }> | undefined;
  patience: number;
}

/** How far a tab has offered what is lost. */
interface Offer {
  readonly rewinds: number;
  readonly position: number;
  readonly heads: readonly ModelCursor[];
  readonly refused: readonly string[];
  readonly answers: readonly ModelAnswer[];
}

const NO_OFFER: Offer = { rewinds: -1, position: 0, heads: [], refused: [], answers: [] };

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
      const next = rules.rewind(this.#device.state, answer.common, this.#rules);
      if (next !== undefined) this.#device.state = next;
      this.#isDiverged = false;
      // It was offered to a log that is another one by now.
      this.#offer = NO_OFFER;
      this.#around.changed({ do: 'rewind', answer });
    });
  }

  #offerLost(state: DeviceState): void {
    const { rewinds } = state;
    if (this.#offer.rewinds !== rewinds) this.#offer = { ...NO_OFFER, rewinds };
    const { position, heads, refused, answers } = this.#offer;
    const units = lostUnits(state)
      .filter((unit) => unit.position > position)
      .slice(0, OFFER_UNITS_MAX);
    const last = units.at(-1);
    if (last === undefined) {
      this.#device.state = rules.endOffering(state, rewinds, this.#offer);
      if (this.#device.state !== state) this.#around.changed({ do: 'offered', answers });
      return;
    }
    this.#send({ kind: 'heal', units }, (answered) => {
      if (answered.kind !== 'heal') return;
      const { decisions, head } = answered.answer;
      const isRefused = ([, healing]: (typeof decisions)[number]): boolean => healing === 'refused';
      const more = this.#isBroken('refused-is-gone') ? [] : decisions.filter(isRefused).map(([id]) => id);
      this.#offer = {
        ...{ rewinds, position: last.position, answers: [...answers, answered] },
        ...{ heads: [...heads, head], refused: [...refused, ...more] },
      };
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
      sent.answer ??= answer;
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
      const answered = this.#sent[0]?.answer;
      if (answered === undefined) return;
      const { answer } = answered;
      const isAllAccepted = answer.conflict === undefined && answer.decisions.every(({ kind }) => kind === 'accepted');
      this.#sent = isAllAccepted ? this.#sent.slice(1) : [];
      this.#onPush(answered);
    }
  }

  #onPush(answered: Extract<ModelAnswer, { readonly kind: 'push' }>): void {
    const { decisions } = answered.answer;
    const refused: { id: string; code: string }[] = [];
    for (const decision of decisions) {
      if (decision.kind === 'rejected') refused.push(decision);
      else this.#accepted.add(decision.id);
    }
    if (this.#isBroken('confirm-by-answer')) this.#confirmByAnswer(decisions);
    this.#device.state = rules.setAside(this.#device.state, refused, this.#rules);
    this.#around.changed({ do: 'refused', answer: answered });
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
    const { random, truncated } = this.#around;
    if (state.bootstrap !== undefined || !random.chance(0.05)) return false;
    const aggregate = random.pick([...AGGREGATES, OLD_AGGREGATE]);
    const range = truncatable(state, aggregate);
    if (range === undefined) return false;
    const version = random.between(range.from, range.to);
    this.#send({ kind: 'digest', aggregate, version }, (answer) => {
      if (answer.kind !== 'digest' || answer.digest === undefined) return;
      const before = this.#device.state;
      this.#device.state = truncate(before, { aggregate, version, digest: answer.digest }, this.#rules);
      if (this.#device.state === before) return;
      this.#around.changed({ do: 'truncate', answer, aggregate, version });
      truncated(before);
    });
    return true;
  }

  #pull(state: DeviceState): void {
    const bootstrap = this.#rules.mode.hasBootstrap ? bootstrapOf(state, this.#rules) : undefined;
    if (bootstrap !== undefined && (bootstrap.from !== undefined || this.#around.random.chance(0.7))) {
      this.#askPart(bootstrap);
      return;
    }
    const after = state.pass?.cursor ?? state.cursor;
    const passHeld = state.pass === undefined || this.#isBroken('held-unsaid') ? [] : [state.pass.held];
    const held = [...passHeld, ...(this.#isBroken('offered-unsaid') ? [] : state.offered)];
    const limit = this.#around.random.between(1, PAGE_EVENTS_MAX);
    this.#send({ kind: 'pull', after, held, limit }, (answer) => {
      if (answer.kind === 'pull') this.#onPage(answer, after, state);
    });
  }

  #askPart(question: NonNullable<ReturnType<typeof bootstrapOf>>): void {
    const limit = this.#around.random.between(1, 2);
    this.#send({ kind: 'part', ...question, limit }, (answer) => {
      if (answer.kind === 'part') this.#onPart(answer.answer, question.from?.at ?? START);
    });
  }

  #onPart(answer: PartAnswer, asked: ModelCursor): void {
    const { state } = this.#device;
    if (answer === 'none') return;
    if (answer === 'diverged') this.#isDiverged = true;
    else if (answer === 'rescoped') this.#device.state = rules.beginPass(state, asked);
    else {
      const next = insertPart(state, answer, this.#rules);
      if (next === undefined) return;
      this.#device.state = next;
      if (answer.isHead && !this.#isBroken('answer-is-truth')) this.#accepted.clear();
      this.#around.bootstrapped(answer, state);
    }
  }

  #onPage(answered: Extract<ModelAnswer, { readonly kind: 'pull' }>, after: ModelCursor, asked: DeviceState): void {
    const { random, stored, changed } = this.#around;
    const { answer } = answered;
    const state = this.#isBroken('stale-tab') ? asked : this.#device.state;
    if (answer === 'diverged') this.#isDiverged = true;
    else if (answer === 'rescoped') {
      this.#device.state = rules.beginPass(state, after);
      changed({ do: 'anew', answer: answered });
    } else if (state.healing === 'settling' && asked.offered !== state.offered) {
      // It was not asked whether it is still the log that all was offered to.
    } else {
      const ended = rules.endWithoutBases(state, answer, this.#rules);
      if (ended !== undefined) {
        this.#device.state = ended;
        changed({ do: 'page', answer: answered });
        return;
      }
      const next = rules.insertPage(state, answer, this.#rules);
      if (next !== undefined && this.#isBroken('cursor-apart') && random.chance(0.1)) {
        this.#device.state = { ...state, cursor: next.cursor, pass: next.pass, marks: next.marks };
        return;
      }
      if (next !== undefined) this.#device.state = next;
      changed({ do: 'page', answer: answered });
      if (next === undefined) return;
      if (answer.isHead && !this.#isBroken('answer-is-truth')) this.#accepted.clear();
      stored(answer, state);
    }
  }

  get #rules(): DeviceRules {
    return this.#around.rules();
  }

  #isBroken(name: Switch): boolean {
    return this.#rules.mode.broken === name;
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

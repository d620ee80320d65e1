/**
 * Writes down a run of the model while it goes on.
 *
 * @module
 */
import type { ModelDevice } from './model-device.js';
import type { ModelAnswer, ModelRequest, ModelServer } from './model-server.js';
import { answerLines, deviceLines, logLines, requestLines } from './trace-lines.js';
import { difference } from './trace.js';
import type { Line, Outcome, TracedStep, TraceStep, UnitOfPage } from './trace.js';
import type { SealedUnit } from './unit-types.js';

/** What a device did, before it has a number. */
export type DeviceStep =
  | { readonly do: 'refused' | 'page' | 'rewind' | 'anew'; readonly answer: ModelAnswer }
  | { readonly do: 'offered'; readonly answers: readonly ModelAnswer[] }
  | { readonly do: 'truncate'; readonly answer: ModelAnswer; readonly aggregate: string; readonly version: number };

export class TraceWriter {
  readonly steps: TracedStep[] = [];
  readonly #server: ModelServer;
  readonly #lines = new Map<string, readonly Line[]>();
  readonly #answers = new Map<ModelAnswer, number>();
  readonly #pages = new WeakMap<SealedUnit, UnitOfPage>();
  #requests = 0;

  constructor(server: ModelServer) {
    this.#server = server;
  }

  /** @param about - the log or the device that it may have changed */
  note(step: TraceStep, about?: ModelDevice | { readonly tenant: string }, says?: readonly Line[]): void {
    const changed: Outcome = about === undefined ? {} : this.#changes(about);
    this.steps.push({ ...step, ...(says !== undefined && { says }), ...changed });
  }

  noteDevice(device: ModelDevice, step: DeviceStep): void {
    const { name } = device;
    if (step.do === 'offered') {
      this.note({ do: step.do, device: name, answers: step.answers.map((answer) => this.#numberOf(answer)) }, device);
    } else this.note({ ...step, device: name, answer: this.#numberOf(step.answer) }, device);
  }

  /** @returns its number */
  noteRequest({ name }: ModelDevice, request: ModelRequest): number {
    const number = ++this.#requests;
    const by = { device: name, request: number };
    this.note(requestStep(by, request), undefined, requestLines(request));
    return number;
  }

  /** @returns its number */
  noteForgery(subject: string, tenant: string, request: ModelRequest): number | undefined {
    if (request.kind !== 'push' && request.kind !== 'heal') return undefined;
    const number = ++this.#requests;
    const by = { do: 'forge', subject, tenant, request: number } as const;
    if (request.kind === 'push') {
      const [unit] = request.units;
      if (unit !== undefined) this.note({ ...by, forgery: { kind: 'push', unit, follows: request.follows } });
    } else {
      const [unit] = request.units;
      const seen = unit && this.#pages.get(unit);
      if (unit !== undefined && seen !== undefined) this.note({ ...by, forgery: { kind: 'heal', unit, seen } });
    }
    return number;
  }

  /** What a forger makes of a unit that he has seen. */
  noteForged(unit: SealedUnit, of: SealedUnit): void {
    const seen = this.#pages.get(of);
    if (seen !== undefined) this.#pages.set(unit, seen);
  }

  noteAnswer(number: number, tenant: string, request: ModelRequest, answer: ModelAnswer): void {
    const answerNumber = this.#answers.size + 1;
    this.#answers.set(answer, answerNumber);
    if (answer.kind === 'pull' && typeof answer.answer !== 'string') {
      answer.answer.units.forEach((unit, index) => this.#pages.set(unit, { answer: answerNumber, index }));
    }
    this.note({ do: 'arrive', request: number, answer: answerNumber }, { tenant }, answerLines(answer, request));
  }

  #numberOf(answer: ModelAnswer): number {
    const number = this.#answers.get(answer);
    if (number === undefined) throw new Error('An answer that nobody has given.');
    return number;
  }

  #changes(about: ModelDevice | { readonly tenant: string }): Pick<Outcome, 'more' | 'less'> {
    const key = 'state' in about ? `device ${about.name}` : `log ${about.tenant}`;
    const now =
      'state' in about ? deviceLines(about.state) : logLines(this.#server.log(about.tenant), this.#server.rules);
    const before = this.#lines.get(key) ?? [];
    this.#lines.set(key, now);
    return difference(before, now);
  }
}

function requestStep(by: { readonly device: string; readonly request: number }, request: ModelRequest): TraceStep {
  switch (request.kind) {
    case 'push':
      return { do: 'push', ...by, units: request.units.map(({ id }) => id), follows: request.follows };
    case 'heal':
      return { do: 'heal', ...by, units: request.units.map(({ id }) => id) };
    case 'pull':
      return { do: 'pull', ...by, limit: request.limit };
    case 'common':
      return { do: 'common', ...by };
    case 'digest':
      return { do: 'digest', ...by, aggregate: request.aggregate, version: request.version };
    case 'part':
      throw new Error('Runs that are written down have no bootstraps.');
  }
}

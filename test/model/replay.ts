/**
 * Plays a trace of the model on the shipped code, step by step, and compares what each says and has become.
 *
 * @module
 */
import type { ConfirmedUnit, LostUnit, PendingUnit } from '../../src/persistence/unit.js';
import type { Scope } from './domain.js';
import { TENANTS } from './held-intents.js';
import { compareLines, ExpectedStates } from './replay-compare.js';
import { ReplayNames } from './replay-names.js';
import { ReplayedDevice } from './replayed-device.js';
import type { SavedDevice } from './replayed-device.js';
import { openMemoryLog, ReplayedLog } from './replayed-log.js';
import type { CodeAnswer, CodeRequest, OpenLog } from './replayed-log.js';
import type { Forgery, Line, Trace, TracedStep } from './trace.js';
import type { Edition, ModelEvent } from './unit-types.js';

/** Where the code is not what the model is. */
export interface Difference {
  /** Of the trace, from 1 on. */
  readonly at: number;
  readonly step: TracedStep;
  /** Both, where they differ. */
  readonly what: string;
}

export interface ReplayOptions {
  /** @defaultValue in memory */
  readonly openLog?: OpenLog;
  /** Makes something else of a device: to show that a fault is found. @defaultValue it stays what it is */
  readonly makeDevice?: (...about: ConstructorParameters<typeof ReplayedDevice>) => ReplayedDevice;
}

const SEAL_KEY = new Uint8Array(32).fill(7);
// So that seals are the same for the same.
const CLOCK = { nowMs: (): number => 1_764_000_000_000 };

/** @returns the first difference, if there is one */
export async function replay(trace: Trace, options: ReplayOptions = {}): Promise<Difference | undefined> {
  const replayer = new Replayer(trace, options);
  try {
    await replayer.open();
    for (const [index, step] of trace.steps.entries()) {
      const what = await replayer.play(step).catch((error: unknown) => `\n code: ${String(error)}`);
      if (what !== undefined) return { at: index + 1, step, what };
    }
    return undefined;
  } finally {
    await replayer.close();
  }
}

interface Asked {
  readonly subject: string;
  readonly tenant: string;
  readonly request: CodeRequest;
}

class Replayer {
  readonly #trace: Trace;
  readonly #options: ReplayOptions;
  readonly #names = new ReplayNames();
  readonly #expected = new ExpectedStates();
  readonly #logs = new Map<string, ReplayedLog>();
  readonly #devices = new Map<string, ReplayedDevice>();
  readonly #saved = new Map<string, SavedDevice>();
  readonly #scopes = new Map<string, readonly Scope[]>();
  readonly #requests = new Map<number, Asked>();
  readonly #answers = new Map<number, CodeAnswer>();

  constructor(trace: Trace, options: ReplayOptions) {
    this.#trace = trace;
    this.#options = options;
  }

  async open(): Promise<void> {
    const { openLog = openMemoryLog } = this.#options;
    const seals = this.#trace.mode.hasSeals ? { seals: { keys: [SEAL_KEY] } } : {};
    for (const tenant of TENANTS) {
      const under = await openLog(tenant, { ...seals, tenant, clock: CLOCK });
      this.#logs.set(tenant, new ReplayedLog(under, this.#names));
    }
  }

  async close(): Promise<void> {
    for (const device of this.#devices.values()) await device.close();
  }

  /** @returns how the code differs after it, if it does */
  async play(step: TracedStep): Promise<string | undefined> {
    const said = await this.#do(step);
    const differs = said === undefined ? undefined : compareLines(step.says ?? [], said, this.#names);
    if (differs !== undefined) return differs;
    const about = this.#aboutOf(step);
    if (about === undefined) return undefined;
    return compareLines(this.#expected.after(about.key, step), await about.lines(), this.#names);
  }

  /** @returns what is said by it, where that is compared */
  async #do(step: TracedStep): Promise<readonly Line[] | undefined> {
    switch (step.do) {
      case 'grant':
        this.#scopes.set(step.subject, step.scopes as readonly Scope[]);
        return undefined;
      case 'device':
        this.#addDevice(step.device, step).release = step.release;
        return undefined;
      case 'copy': {
        const device = this.#device(step.device);
        this.#addDevice(step.as, device, device.save()).release = device.release;
        return undefined;
      }
      case 'save':
        this.#saved.set(step.device, this.#device(step.device).save());
        return undefined;
      case 'setBack': {
        const saved = this.#saved.get(step.device);
        await this.#device(step.device).crash(saved && { ...saved, journal: saved.journal.copied() });
        return undefined;
      }
      case 'crash':
        await this.#device(step.device).crash();
        return undefined;
      case 'release':
        this.#device(step.device).release = step.release;
        return undefined;
      case 'upgrade':
        await this.#device(step.device).upgrade(step.events.map((event) => this.#names.toEvent(event)));
        return undefined;
      case 'record':
        await this.#device(step.device).record(step);
        return undefined;
      case 'retry':
        await this.#device(step.device).retry(step.id);
        return undefined;
      case 'discard':
        await this.#device(step.device).discard(step.id);
        return undefined;
      case 'beside':
        await this.#log(step.tenant).insertBeside(this.#names.toEvent(step));
        return undefined;
      case 'backup':
        await this.#log(step.tenant).backup(step.backup);
        return undefined;
      case 'restore':
        await this.#log(step.tenant).restore(step.backup);
        return undefined;
      case 'push':
      case 'pull':
      case 'common':
      case 'heal':
      case 'digest': {
        const { subject, tenant } = this.#device(step.device);
        const { request, lines } = await this.#device(step.device).request(step);
        this.#requests.set(step.request, { subject, tenant, request });
        return lines;
      }
      case 'forge': {
        const { subject, tenant, forgery } = step;
        this.#requests.set(step.request, { subject, tenant, request: this.#forged(forgery) });
        return undefined;
      }
      case 'arrive': {
        const { subject, tenant, request } = this.#asked(step.request);
        const answer = await this.#log(tenant).answer(request, subject, this.#scopes.get(subject) ?? []);
        this.#answers.set(step.answer, answer);
        return this.#log(tenant).answerLines(answer, request);
      }
      case 'refused':
      case 'page':
      case 'rewind':
      case 'anew':
        await this.#device(step.device).take(step.do, this.#answer(step.answer));
        return undefined;
      case 'offered':
        await this.#device(step.device).offered(step.answers.map((number) => this.#answer(number)));
        return undefined;
      case 'truncate':
        await this.#device(step.device).truncate(step.aggregate, step.version, this.#answer(step.answer));
        return undefined;
    }
  }

  /** What a step may have changed. */
  #aboutOf(step: TracedStep): { readonly key: string; readonly lines: () => Promise<Line[]> } | undefined {
    if (step.do === 'arrive' || step.do === 'beside' || step.do === 'restore') {
      const tenant = step.do === 'arrive' ? this.#asked(step.request).tenant : step.tenant;
      return { key: `log ${tenant}`, lines: () => this.#log(tenant).lines() };
    }
    if (!('device' in step) || step.do === 'save' || step.do === 'release' || 'request' in step) return undefined;
    const name = step.do === 'copy' ? step.as : step.device;
    return { key: `device ${name}`, lines: () => this.#device(name).lines() };
  }

  #addDevice(
    name: string,
    about: { readonly subject: string; readonly tenant: string },
    saved?: SavedDevice,
  ): ReplayedDevice {
    const make = this.#options.makeDevice ?? ((...given) => new ReplayedDevice(...given));
    const device = make(about, this.#names, this.#trace.mode.conflicts, saved);
    this.#devices.set(name, device);
    return device;
  }

  #forged(forgery: Forgery): CodeRequest {
    const of = ({ id, edition, isCommutative, events, after }: Forgery['unit']): PendingUnit => ({
      ...this.#statedOf(id, edition, isCommutative, events, after),
      firstNotificationId: 1,
    });
    if (forgery.kind === 'push') {
      const { unit, follows } = forgery;
      const named = follows === undefined ? undefined : this.#names.unitId(follows);
      return { kind: 'push', units: [of(unit)], follows: named };
    }
    const { unit, seen } = forgery;
    const answer = this.#answer(seen.answer);
    const page = answer.kind === 'pull' && typeof answer.page !== 'string' ? answer.page : undefined;
    const { origin, position, scopes } = page?.units[seen.index] as ConfirmedUnit;
    const { id, edition, isCommutative, events, after, total } = unit;
    const stated = this.#statedOf(id, edition, isCommutative, events, after);
    const lost: LostUnit = { ...stated, scopes, position, total, origin };
    return { kind: 'heal', units: [lost] };
  }

  #statedOf(
    name: string,
    edition: Edition,
    isCommutative: boolean,
    events: readonly ModelEvent[],
    after: Readonly<Record<string, Edition>>,
  ): Omit<PendingUnit, 'firstNotificationId'> {
    const id = this.#names.unitId(name);
    const places = [...new Set(events.map(({ aggregate }) => aggregate))].map((aggregate) => after[aggregate] ?? '');
    const editionId = this.#names.edition(edition);
    return {
      ...{ id, isCommutative, scopes: [], events: events.map((event) => this.#names.toEvent(event)) },
      after: places.map((place) => (place === '' ? undefined : this.#names.edition(place))),
      ...(editionId === undefined || editionId === id ? {} : { edition: editionId }),
    };
  }

  #device(name: string): ReplayedDevice {
    return found(this.#devices.get(name), name);
  }

  #log(tenant: string): ReplayedLog {
    return found(this.#logs.get(tenant), tenant);
  }

  #asked(number: number): Asked {
    return found(this.#requests.get(number), `request ${number}`);
  }

  #answer(number: number): CodeAnswer {
    return found(this.#answers.get(number), `answer ${number}`);
  }
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`There is no ${name} in the trace.`);
  return value;
}

/**
 * A run: does what its plan says, then puts everything in order, and looks whether all agree soon after.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { SeededRandom } from '../../soak/seeded-random.js';
import { checkAgreement, countDeadLetters, forgive } from '../checks/agreement.js';
import type { Parties } from '../checks/agreement.js';
import { LogAudit } from '../checks/log-audit.js';
import { StepWatch } from '../checks/step-watch.js';
import { Witness } from '../checks/witness.js';
import { Platform } from '../machine/platform.js';
import { Scheduler, settled } from '../machine/scheduler.js';
import { SimNetwork } from '../machine/sim-network.js';
import { SimServers } from '../machine/sim-server.js';
import type { WrapServer } from '../machine/sim-server.js';
import { PEOPLE } from './plan.js';
import type { DeviceTraits, Plan, Step } from './plan.js';
import { SimDevice } from './sim-device.js';
import type { Surroundings } from './sim-device.js';
import { RELEASE_LAST, SCOPES, scopeOf, stockOf, STOCKS } from './stock.js';
import type { Release, Scope } from './stock.js';

/** A bug that is put in, for a run that has to find it. */
export interface Wrap {
  readonly device?: Surroundings['wrap'];
  readonly server?: WrapServer;
}

/** Does a step. @param random - what is chosen in it */
export type DoStep = (world: World, step: Step, random: SeededRandom) => void | Promise<void>;

/** What happened in a run. */
export interface RunCounts {
  /** Commits that were acknowledged. */
  units: number;
  /** In the log of the server, at the end. */
  events: number;
  /** Units that gave way to others', and what became of them. */
  conflicts: number;
  decidedAgain: number;
  withdrawn: number;
  setAside: number;
  /** Units that wait for a person at the end: set aside on a device, or kept for the operator. */
  deadLetters: number;
  requests: number;
  /** Pushes that were sent again, as a whole or in part, and how many units were in them again. */
  retries: number;
  unitsAgain: number;
  networkFaults: number;
  /** Times at which a server's log was set back. */
  restores: number;
  /** Times at which history of an aggregate left a device. */
  truncated: number;
  /** Snapshots that servers have read for new devices. */
  snapshots: number;
  /** Aggregates of devices, at the end, of whose first events there is only what stands for them. */
  bases: number;
  /** Commits that nobody holds any more, and nobody had promised to. */
  forgiven: number;
  /** Commands on what a newer release has recorded. */
  tooOld: number;
  /** Commands that were refused, and those of which nobody knows what became of them. */
  refused: number;
  uncertain: number;
  /** Times at which a device's part of the log was compared with the log, in the middle of a run. */
  compared: number;
}

/** How often each step was done. */
export type StepCounts = Readonly<Partial<Record<Step['kind'], number>>>;

/** What came of a run. */
export interface RunResult {
  readonly problem: string | undefined;
  /** The same for the same plan. */
  readonly trace: string;
  readonly lines: readonly string[];
  readonly counts: RunCounts;
  readonly steps: StepCounts;
  /** Simulated milliseconds after the last fault until all was sent and fetched everywhere. */
  readonly drainedMs: number;
  readonly schedulerEvents: number;
}

/** So long after the last fault all must have been sent, and fetched. */
const DRAIN_MS_MAX = 10_000;
const LOOK_MS = 250;
const SOMEBODY_LOOKS_MS = 2_000;
const LINES_MAX = 5_000;
/** Of the event loop, without an event: what is loaded from a file takes a few. */
const STUCK_TURNS = 50_000;

/** Everything in a run. */
export class World implements Disposable {
  readonly scheduler: Scheduler = new Scheduler();
  readonly witness: Witness = new Witness();
  readonly devices: SimDevice[] = [];
  readonly scopes = new Map<string, readonly Scope[]>();
  readonly backups: (() => void)[] = [];
  /** Which the devices have in the end. */
  readonly releaseLast: Release;
  readonly servers: SimServers;
  readonly network: SimNetwork;
  readonly audit: LogAudit;
  readonly parties: Parties & { readonly devices: readonly SimDevice[] };
  readonly counts: RunCounts = {
    ...{ units: 0, events: 0, conflicts: 0, decidedAgain: 0, withdrawn: 0, setAside: 0, requests: 0 },
    ...{ networkFaults: 0, restores: 0, forgiven: 0, refused: 0, uncertain: 0, compared: 0 },
    ...{ deadLetters: 0, retries: 0, unitsAgain: 0, truncated: 0, snapshots: 0, bases: 0, tooOld: 0 },
  };
  /** Something may be held by nobody since. */
  mayBeLost = false;
  readonly #plan: Plan;
  readonly #steps: Readonly<Record<Step['kind'], DoStep>>;
  readonly #platform: Platform;
  readonly #trace = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #surroundings: Surroundings;
  readonly #watch: StepWatch;
  readonly #stepCounts: Partial<Record<Step['kind'], number>> = {};
  #names = 0;
  #isOver = false;

  constructor(plan: Plan, steps: Readonly<Record<Step['kind'], DoStep>>, wrap: Wrap = {}) {
    this.#plan = plan;
    this.releaseLast = plan.traits === undefined ? 2 : RELEASE_LAST;
    this.#steps = steps;
    const random = new SeededRandom(plan.seed);
    this.#platform = new Platform(random, (error) => this.witness.fail(`nobody has caught ${String(error)}`));
    const scopesOf = (subject: string): readonly Scope[] => this.scopes.get(subject) ?? SCOPES;
    this.servers = new SimServers({
      ...{ scheduler: this.scheduler, random, count: plan.servers, scopesOf, wrap: wrap.server ?? {} },
      onFault: (message) => this.witness.fail(`a server has said: ${message}`),
    });
    this.network = new SimNetwork(
      (chance) => this.servers.pick(chance),
      (line) => this.note(line),
    );
    this.audit = new LogAudit(this.servers.tables, this.witness);
    this.servers.tables.onCommit = () => void this.audit.look();
    this.parties = {
      ...{ devices: this.devices, audit: this.audit, witness: this.witness, scopesOf },
      hasRowsBeside: async () => {
        const { head, maxId } = await this.servers.tables.standing();
        return head.lastId !== maxId;
      },
      offers: () => this.servers.log.refused({ limit: 100_000 }),
    };
    this.#watch = new StepWatch(this.parties);
    this.#surroundings = {
      ...{ scheduler: this.scheduler, network: this.network, servers: this.servers, wrap: wrap.device ?? {} },
      note: (line) => this.note(line),
      releaseLast: this.releaseLast,
      onRebased: (units) => {
        for (const { id, outcome, reason } of units) {
          this.note(`${id} ${outcome} ${reason?.code ?? ''}`);
          this.counts.conflicts++;
          if (outcome === 'changed' || outcome === 'unchanged') this.counts.decidedAgain++;
          else if (outcome === 'withdrawn') this.counts.withdrawn++;
          else this.counts.setAside++;
        }
      },
    };
    for (let index = 0; index < plan.devices; index++) {
      const subject = PEOPLE[index % PEOPLE.length] as string;
      const traits = plan.traits?.[index] ?? { release: 1, bootstrap: false };
      this.addDevice((name, seed) => this.newDevice(name, subject, seed, traits)).openTab();
    }
  }

  [Symbol.dispose](): void {
    for (const device of this.devices) {
      device.killTabs();
      device.observer[Symbol.dispose]();
    }
    this.#platform[Symbol.dispose]();
  }

  /** @param make - is told its name and its seed */
  addDevice(make: (name: string, seed: number) => SimDevice): SimDevice {
    const index = this.devices.length;
    const device = make(`device${index}`, this.#plan.seed * 31 + index);
    this.devices.push(device);
    return device;
  }

  newDevice(name: string, subject: string, seed: number, traits: DeviceTraits): SimDevice {
    return new SimDevice(name, subject, seed, traits, this.#surroundings);
  }

  /** A wish that nobody else has. */
  newIntent(by: string): string {
    return `${by}-${++this.#names}`;
  }

  /** Says what happened. */
  note(line: string): void {
    const text = `${this.scheduler.nowMs} ${line}`;
    this.#trace.update(`${text}\n`);
    this.#lines.push(text);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  /** Runs to the end. */
  async run(): Promise<RunResult> {
    const drainedMs = await Promise.race([this.#run(), this.#stuck()]).catch((error: unknown) => {
      // A store that cannot even be looked at, for example.
      this.witness.fail(`nobody has caught ${String(error)}`);
      return 0;
    });
    this.#isOver = true;
    return await this.#result(drainedMs);
  }

  /** Somebody waits for what does not come: nothing happens, and nothing is going to. */
  async #stuck(): Promise<number> {
    let [events, turns] = [-1, 0];
    while (!this.#isOver && turns < STUCK_TURNS) {
      await settled();
      turns = this.scheduler.events === events ? turns + 1 : 0;
      events = this.scheduler.events;
    }
    throw new Error(`that nothing happens any more, though somebody waits, ${this.scheduler.nowMs} ms after the start`);
  }

  async #run(): Promise<number> {
    for (const step of this.#plan.steps) {
      await this.#passUntil(step.atMs);
      await this.#watch.look();
      await this.#do(step);
      if (this.witness.problem !== undefined) break;
    }
    await this.#passUntil(this.#plan.stormMs);
    const drainedMs = this.witness.problem === undefined ? await this.#calm() : 0;
    if (this.witness.problem === undefined) await this.#checkStates();
    if (this.witness.problem === undefined) this.counts.bases = await checkAgreement(this.parties);
    this.counts.deadLetters = await countDeadLetters(this.parties);
    return drainedMs;
  }

  /** Whatever is here of an aggregate's history, and whatever stands for the rest: it is what the log makes of it. */
  async #checkStates(): Promise<void> {
    await this.audit.look();
    for (const { name, subject, tabs, release } of this.devices) {
      const seen = this.parties.scopesOf(subject);
      for (const { app, process } of tabs) {
        for (const [id, there] of this.audit.articles) {
          if (!seen.includes(scopeOf(id))) continue;
          const { state } = await this.#answered(process.run(() => app.repository.load(STOCKS[release], id)));
          const here = stockOf(state);
          if (here.free === there.free && here.name === there.name) continue;
          this.witness.fail(`on ${name}: ${id} is ${JSON.stringify(here)}, and ${JSON.stringify(there)} in the log`);
        }
      }
    }
  }

  async #passUntil(atMs: number): Promise<void> {
    while (this.scheduler.nowMs < atMs && this.witness.problem === undefined) {
      await this.scheduler.runUntil(Math.min(atMs, this.scheduler.nowMs + LOOK_MS));
      if (this.mayBeLost) await this.forgive();
    }
  }

  async forgive(): Promise<void> {
    this.mayBeLost = false;
    this.counts.forgiven += await forgive(this.parties);
  }

  async #do(step: Step): Promise<void> {
    this.note(`${step.kind} ${step.target}`);
    this.#stepCounts[step.kind] = (this.#stepCounts[step.kind] ?? 0) + 1;
    await this.#steps[step.kind](this, step, new SeededRandom(step.seed));
  }

  /** Puts everything in order. @returns how long it took then */
  async #calm(): Promise<number> {
    const { servers } = this;
    servers.faults.isDown = false;
    servers.faults.faultShare = 0;
    servers.isTokenOutage = false;
    servers.offsetMs = 0;
    for (let index = 0; index < servers.count; index++) servers.start(index);
    this.network.breakAll();
    for (const device of this.devices) device.recover();
    const startMs = this.scheduler.nowMs;
    let lookedMs = startMs;
    while (!(await this.#isDrained())) {
      if (this.scheduler.nowMs - startMs >= DRAIN_MS_MAX) {
        this.witness.fail(`not drained ${DRAIN_MS_MAX} ms after the last fault:\n${await this.#undrained()}`);
        break;
      }
      await this.#passUntil(this.scheduler.nowMs + LOOK_MS);
      // Whoever was asked how it stands may have taken a millisecond: the time is no round one any more.
      if (this.scheduler.nowMs - lookedMs >= SOMEBODY_LOOKS_MS) {
        lookedMs = this.scheduler.nowMs;
        for (const device of this.devices) device.lookAtNews();
      }
      if (this.witness.problem !== undefined) break;
    }
    return this.scheduler.nowMs - startMs;
  }

  async #isDrained(): Promise<boolean> {
    return (await this.#undrained()) === '';
  }

  /** What is still to be done. */
  async #undrained(): Promise<string> {
    const { head } = await this.servers.tables.standing();
    const left: string[] = (await this.parties.hasRowsBeside()) ? ['rows beside the log'] : [];
    for (const { name, tabs } of this.devices) {
      if (tabs.length === 0) left.push(`${name} has no tab`);
      for (const { process, isOpen, recorder, state, error } of tabs) {
        if (!isOpen) left.push(`${process.name} is not open`);
        else {
          const { pendingUnits, lostUnits, held, position } = await this.#answered(recorder.syncProgress());
          const superseded = (await this.#answered(recorder.selectSuperseded())).units.length;
          const isDone = pendingUnits + lostUnits + held.length + superseded === 0 && position === head.position;
          if (isDone) continue;
          left.push(
            `${process.name} is ${state} at ${position} of ${head.position}: ${pendingUnits} pending, ${lostUnits} lost, ` +
              `${held.length} held, ${superseded} to be decided; ${error?.message ?? 'no error'}`,
          );
        }
      }
    }
    return left.join('\n');
  }

  /** What a tab says, which may have to read first what others have recorded: that takes its time. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    const seen = { isThere: false };
    const noted = answer.finally(() => (seen.isThere = true));
    noted.catch(() => undefined);
    await settled();
    while (!seen.isThere) await this.scheduler.runUntil(this.scheduler.nowMs + 1);
    return await noted;
  }

  async #result(drainedMs: number): Promise<RunResult> {
    this.counts.events = this.audit.units.reduce((sum, { events }) => sum + events.length, 0);
    const { requests, faults, retries, unitsAgain } = this.network.counts;
    Object.assign(this.counts, {
      requests,
      networkFaults: faults,
      retries,
      unitsAgain,
      compared: this.#watch.compared,
      snapshots: this.servers.snapshots.read,
    });
    for (const { id, position } of this.audit.units) this.note(`${id} ${position}`);
    this.note(`${this.scheduler.events} events, ${JSON.stringify(this.counts)}`);
    return {
      problem: this.witness.problem,
      trace: this.#trace.copy().digest('hex'),
      lines: [...this.#lines],
      counts: this.counts,
      steps: this.#stepCounts,
      drainedMs,
      schedulerEvents: this.scheduler.events,
    };
  }
}

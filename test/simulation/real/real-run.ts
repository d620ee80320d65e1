/**
 * A run with nothing simulated: Chromium, PostgreSQL, a server in a process of its own, and time as it passes. What is to
 * happen follows from the seed; what comes of it does not.
 *
 * ```text
 * a plan's steps, each at its time ─▶ everything in order ─▶ drained ─▶ the log from PostgreSQL, each store from its browser
 * ```
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromCursor } from '../../../src/server/log/log-chain.js';
import { IntegrityError } from '../../../src/persistence/errors.js';
import type { ThrownAway } from '../../soak/background-chromium.js';
import { SeededRandom } from '../../soak/seeded-random.js';
import { checkAgreement, countDeadLetters, unheld } from '../checks/agreement.js';
import type { Parties } from '../checks/agreement.js';
import { LogAudit } from '../checks/log-audit.js';
import { Witness } from '../checks/witness.js';
import { newWish } from '../world/people.js';
import { makePlan, PEOPLE, randomScopes } from '../world/plan.js';
import type { Step, Weights } from '../world/plan.js';
import { besideEvent, ITEMS, visibilityId } from '../world/stock.js';
import type { Wish } from '../world/wishes.js';
import { RealBackend } from './real-backend.js';
import { RealDevice } from './real-device.js';
import { RealLink } from './real-link.js';
import { RealLosses } from './real-losses.js';
import type { LossCounts } from './real-losses.js';
import type { RealConflicts, RealOpening } from './real-messages.js';
import { serveRealPage } from './real-site.js';

const DRAIN_MS_MAX = 60_000;
const LOOK_MS = 500;
const WISHES_KEPT = 20;
// Each is a browser.
const CLONES_MAX = 1;
/** A wish of nobody. */
const UNHELD = 'nobody-1';
/** What happens here beside work. */
const FAULTS: Weights = [
  [8, 'badNetwork'],
  [7, 'disconnect'],
  [4, 'killTab'],
  [6, 'openTab'],
  [3, 'freezeTab'],
  [2, 'killBrowser'],
  [3, 'evict'],
  [2, 'clone'],
  [2, 'upgrade'],
  [2, 'wake'],
  [5, 'repeat'],
  [4, 'killServer'],
  [2, 'databaseFaults'],
  [2, 'insertBeside'],
  [5, 'changeScopes'],
];
const THROWN_AWAY: readonly ThrownAway[] = ['databases', 'databases', 'databases and files', 'everything'];

/** As the tabs say that are there in the end: what one has counted is gone with it. */
const CONFLICTS: RealConflicts = { conflicts: 0, decidedAgain: 0, withdrawn: 0, setAside: 0 };

/** Which run. */
export interface RealRunOptions {
  readonly seed: number;
  readonly devices: number;
  /** How long something happens. */
  readonly seconds: number;
  /** Where dist/ is, built. */
  readonly projectDir: string;
  /** What a server runs. */
  readonly serverFile: string;
  readonly log: (line: string) => void;
}

/** What came of it. */
export interface RealRunResult {
  readonly problem: string | undefined;
  readonly counts: Readonly<Record<string, number>>;
  readonly steps: Readonly<Record<string, number>>;
}

/** Runs to the end. */
export async function runReal(options: RealRunOptions): Promise<RealRunResult> {
  const witness = new Witness();
  await using site = await serveRealPage(options.projectDir);
  await using backend = await RealBackend.start({
    ...{ origin: site.url, serverFile: options.serverFile },
    onFault: (message) => witness.fail(`the server has said: ${message}`),
  });
  await using run = new RealRun({ ...options, siteUrl: site.url }, backend, witness);
  return await run.run();
}

type RealCount =
  'clones' | 'units' | 'events' | 'refused' | 'uncertain' | 'connectionFaults' | 'deadLetters' | 'drainedMs';
type RunOptions = RealRunOptions & { readonly siteUrl: string };

class RealRun implements AsyncDisposable {
  readonly #options: RunOptions;
  readonly #backend: RealBackend;
  readonly #witness: Witness;
  readonly #audit: LogAudit;
  readonly #devices: RealDevice[] = [];
  readonly #losses: RealLosses;
  readonly #parties: Parties;
  readonly #counts: Record<keyof RealConflicts | keyof LossCounts | RealCount, number> = {
    ...{ units: 0, events: 0, refused: 0, uncertain: 0, connectionFaults: 0, deadLetters: 0, drainedMs: 0 },
    ...{ ...CONFLICTS, clones: 0, evictions: 0, restoredUnits: 0, losses: 0, forgiven: 0 },
  };
  readonly #steps: Record<string, number> = {};
  /** What is to be undone later, and when it was. */
  readonly #lifting = new Set<Promise<void>>();
  /** What pages have not answered yet. */
  readonly #wishing = new Set<Promise<void>>();
  #names = 0;
  #isCalm = false;

  constructor(options: RunOptions, backend: RealBackend, witness: Witness) {
    this.#options = options;
    this.#backend = backend;
    this.#witness = witness;
    this.#audit = new LogAudit(backend.tables, witness);
    this.#losses = new RealLosses(witness, this.#audit);
    this.#parties = {
      ...{ devices: this.#devices, audit: this.#audit, witness },
      offers: () => backend.refused(),
      scopesOf: (subject) => backend.scopesOf(subject),
      hasRowsBeside: async () => (await backend.standing()).hasRowsBeside,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of this.#devices) await device.close();
  }

  async run(): Promise<RealRunResult> {
    const { seed, devices, seconds, siteUrl, log } = this.#options;
    for (let index = 0; index < devices; index++) {
      const subject = PEOPLE[index % PEOPLE.length] as string;
      const onOpened = (device: RealDevice, opening: RealOpening): void => this.#opened(device, opening);
      this.#devices.push(await RealDevice.start({ ...(await this.#placeOf(index)), subject, siteUrl, onOpened }));
    }
    log(`${devices} browsers are there`);
    const { steps } = makePlan(seed, devices, { stormMs: seconds * 1_000, faults: FAULTS });
    const startedAt = performance.now();
    for (const step of steps) {
      await sleep(Math.max(0, startedAt + step.atMs - performance.now()));
      await this.#audit.look();
      if (this.#witness.problem !== undefined) break;
      this.#steps[step.kind] = (this.#steps[step.kind] ?? 0) + 1;
      if (step.kind !== 'work') log(`${Math.round(performance.now() - startedAt)} ms: ${step.kind} ${step.target}`);
      await this.#do(step, new SeededRandom(step.seed));
    }
    if (this.#witness.problem === undefined) await this.#calm();
    if (this.#witness.problem === undefined) {
      for await (const [intent] of unheld(this.#parties)) this.#losses.forgive(intent);
      await checkAgreement(this.#parties);
      this.#counts.deadLetters = await countDeadLetters(this.#parties);
      await this.#checkChecks();
    }
    this.#counts.events = this.#audit.units.reduce((sum, { events }) => sum + events.length, 0);
    this.#counts.connectionFaults = this.#devices.reduce((sum, { link }) => sum + link.faults, 0);
    Object.assign(this.#counts, this.#losses.counts);
    return { problem: this.#witness.problem, counts: this.#counts, steps: this.#steps };
  }

  /** Where a device is, by its number. */
  async #placeOf(
    index: number,
  ): Promise<{ readonly name: string; readonly link: RealLink; readonly random: SeededRandom }> {
    const random = new SeededRandom(this.#options.seed * 31 + index);
    const link = new RealLink(this.#backend.port, random);
    await link.up();
    return { name: `device${index}`, link, random };
  }

  #opened({ name }: RealDevice, opening: RealOpening): void {
    const { loss, restoredUnits } = opening;
    if (restoredUnits !== undefined) this.#options.log(`${restoredUnits} units came back on ${name}`);
    if (loss !== undefined) this.#options.log(`on ${name}: ${loss.message}`);
    this.#later(0, () => this.#losses.noteOpening(name, opening));
  }

  async #do({ kind, target }: Step, random: SeededRandom): Promise<void> {
    const device = this.#devices[target % this.#devices.length] as RealDevice;
    switch (kind) {
      case 'work':
        this.#work(device, random);
        break;
      case 'repeat':
        this.#repeat(device, random);
        break;
      case 'openTab':
        await device.openTab();
        break;
      case 'killTab':
        await device.killTab();
        break;
      case 'freezeTab': {
        const thaw = await device.freezeTab();
        this.#later(random.between(500, 5_000), thaw);
        break;
      }
      case 'killBrowser':
        await device.killBrowser();
        break;
      case 'evict': {
        const what = random.pick(THROWN_AWAY);
        this.#options.log(`${device.name} throws ${what} away`);
        await device.lose(what);
        await this.#losses.noteEviction(device.name, what);
        break;
      }
      case 'clone': {
        if (this.#counts.clones >= CLONES_MAX) break;
        this.#counts.clones++;
        const place = await this.#placeOf(this.#devices.length);
        const clone = await device.cloned({ ...place, name: `${place.name}clone` });
        this.#devices.push(clone);
        await clone.openTab();
        break;
      }
      case 'changeScopes': {
        const subject = PEOPLE[target % Math.min(PEOPLE.length, this.#options.devices)] as string;
        const scopes = randomScopes(random);
        this.#options.log(`${subject} sees ${scopes.join()}`);
        await this.#backend.changeScopes({ subject, scopes });
        break;
      }
      case 'disconnect':
        await device.link.down();
        this.#later(random.between(300, 8_000), () => device.link.up());
        break;
      case 'badNetwork':
        device.link.faultShare = random.pick([0.2, 0.5, 0.8]);
        this.#later(random.between(1_000, 8_000), async () => void (device.link.faultShare = 0));
        break;
      case 'upgrade':
        device.release = 2;
        await device.openTab();
        break;
      case 'wake':
        await device.wake();
        break;
      case 'killServer':
        await this.#backend.killServer();
        this.#later(random.between(100, 3_000), () => this.#backend.startServer());
        break;
      case 'databaseFaults':
        await this.#backend.breakConnections();
        break;
      case 'insertBeside':
        await this.#insertBeside(random);
        break;
      default:
        throw new Error(`Nobody has made ${kind} real.`);
    }
  }

  /** Undoes something later, and at the end at once. */
  #later(delayMs: number, lift: () => Promise<void>): void {
    const lifting = (async () => {
      const untilMs = performance.now() + delayMs;
      while (performance.now() < untilMs && !this.#isCalm) await sleep(Math.min(100, delayMs));
      await lift();
    })().catch((error: unknown) => this.#witness.fail(`nobody has caught ${String(error)}`));
    this.#lifting.add(lifting);
    void lifting.finally(() => this.#lifting.delete(lifting));
  }

  #work(device: RealDevice, random: SeededRandom): void {
    if (device.usable.length === 0) {
      this.#later(0, () => device.openTab());
      return;
    }
    for (let count = random.pick([1, 1, 2, 5]); count > 0; count--) {
      const scopes = this.#backend.scopesOf(device.subject);
      const wish = newWish(`${device.name}-${++this.#names}`, { scopes }, random);
      device.wishes.push(wish);
      if (device.wishes.length > WISHES_KEPT) device.wishes.shift();
      this.#wishFor(device, wish);
    }
  }

  #repeat(device: RealDevice, random: SeededRandom): void {
    const open = device.wishes.filter(({ intent }) => !this.#witness.acknowledged.has(intent));
    if (open.length > 0 && device.usable.length > 0) this.#wishFor(device, random.pick(open));
  }

  #wishFor(device: RealDevice, wish: Wish): void {
    const { intent, kind, unit } = wish;
    const settled = device.fulfil(wish).then(
      (done) => {
        if (typeof done !== 'number') {
          if (done.name === 'CommandError') this.#counts.refused++;
          else this.#counts.uncertain++;
        } else if (done > 0) {
          this.#counts.units++;
          this.#witness.acknowledge(intent, device.name, kind, unit);
        }
      },
      // The tab is gone: done or not, nobody has said so.
      () => {
        this.#counts.uncertain++;
      },
    );
    this.#wishing.add(settled);
    void settled.finally(() => this.#wishing.delete(settled));
  }

  async #insertBeside(random: SeededRandom): Promise<void> {
    const [id, intent] = [random.pick(ITEMS), `beside-${++this.#names}`];
    try {
      await this.#backend.insertBeside(id, (version) => besideEvent(id, version, intent));
      this.#witness.acknowledge(intent, 'beside', 'Receive');
    } catch (error) {
      // Somebody else was first.
      if (!(error instanceof IntegrityError)) throw error;
    }
  }

  /** There was something to check, and a wish that nobody has is missed, in PostgreSQL and in every browser. */
  async #checkChecks(): Promise<void> {
    const { units } = this.#counts;
    if (units === 0 || this.#audit.units.length === 0) this.#witness.fail('nothing has happened');
    this.#witness.acknowledge(UNHELD, 'nobody', 'Receive', crypto.randomUUID());
    const missed: string[] = [];
    for await (const [intent] of unheld(this.#parties)) missed.push(intent);
    if (missed.join() !== UNHELD) this.#witness.fail(`what is missed is ${missed.join() || 'nothing'}, not ${UNHELD}`);
  }

  /** Puts everything in order, and waits until nothing is left to do. */
  async #calm(): Promise<void> {
    this.#isCalm = true;
    while (this.#lifting.size > 0) await Promise.all(this.#lifting);
    await this.#backend.startServer();
    for (const device of this.#devices) {
      device.link.faultShare = 0;
      await device.link.up();
      await device.recover();
    }
    const startedAt = performance.now();
    for (let left = 'unknown'; left !== '';) {
      for (const device of this.#devices) await device.wake();
      left = await this.#undrained();
      this.#counts.drainedMs = Math.round(performance.now() - startedAt);
      if (left === '') break;
      if (this.#counts.drainedMs > DRAIN_MS_MAX) {
        this.#witness.fail(`not drained ${DRAIN_MS_MAX} ms after the last fault:\n${left}`);
        break;
      }
      await sleep(LOOK_MS);
    }
    for (const counted of (await Promise.all(this.#devices.map((device) => device.conflicts()))).flat()) {
      for (const name of Object.keys(CONFLICTS) as (keyof RealConflicts)[]) this.#counts[name] += counted[name];
    }
  }

  async #undrained(): Promise<string> {
    const { position: head, hasRowsBeside } = await this.#backend.standing();
    const left: string[] = hasRowsBeside ? ['rows beside the log'] : [];
    if (this.#wishing.size > 0) left.push(`${this.#wishing.size} wishes`);
    for (const device of this.#devices) {
      const { progress, superseded } = await device.survey();
      const { pendingUnits, lostUnits, held, position } = progress;
      const isSeen = fromCursor(progress.cursor)?.visibility === visibilityId(this.#backend.scopesOf(device.subject));
      // Of a log that is empty there is no place with any scopes.
      const isThere = position === head && (isSeen || head === 0);
      if (isThere && pendingUnits + lostUnits + held.length + superseded === 0) continue;
      left.push(
        `${device.name} is at ${position} of ${head}: ${pendingUnits} pending, ${lostUnits} lost, ${held.length} held, ` +
          `${superseded} to be decided; it sees ${fromCursor(progress.cursor)?.visibility}`,
      );
    }
    return left.join('\n');
  }
}

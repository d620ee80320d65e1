/**
 * What is going to happen in a run, made of its seed alone: a list of steps, each of which can be left out, so that a run
 * that fails can be made smaller.
 *
 * @module
 */
import { SeededRandom } from '../../soak/seeded-random.js';
import { RELEASE_LAST, SCOPES } from './stock.js';
import type { Release, Scope } from './stock.js';

/** A step of one device. */
export type DeviceStep =
  | 'work'
  | 'repeat'
  | 'lookAfterAside'
  | 'openTab'
  | 'closeTab'
  | 'killTab'
  | 'freezeTab'
  | 'killBrowser'
  | 'cutPower'
  | 'evict'
  | 'saveImage'
  | 'setBack'
  | 'clone'
  | 'newDevice'
  | 'truncate'
  | 'checkpoint'
  | 'failStorage'
  | 'disconnect'
  | 'badNetwork'
  | 'setClock'
  | 'upgrade'
  | 'pause'
  | 'wake';

/** A step of what is on the other side. */
export type ServerStep =
  | 'killServer'
  | 'databaseDown'
  | 'databaseFaults'
  | 'backup'
  | 'restore'
  | 'takeSnapshots'
  | 'insertBeside'
  | 'setServerClock'
  | 'revokeTokens'
  | 'tokenOutage'
  | 'changeScopes';

/** Something that happens. */
export interface Step {
  readonly atMs: number;
  readonly kind: DeviceStep | ServerStep;
  /** Which device, server or person, by its number: of as many as there are then. */
  readonly target: number;
  /** What is chosen in it. */
  readonly seed: number;
}

/** What a device is from the start. */
export interface DeviceTraits {
  readonly release: Release;
  /** Whether it begins with snapshots of the server's, whenever it has nothing. */
  readonly bootstrap: boolean;
}

/** A run. */
export interface Plan {
  readonly seed: number;
  readonly devices: number;
  readonly servers: number;
  readonly stormMs: number;
  /** Of each device. Runs that were kept before there were any have none: two releases, of which all have the first one. */
  readonly traits?: readonly DeviceTraits[];
  readonly steps: readonly Step[];
}

/** Subjects: several devices are of the same one. */
export const PEOPLE: readonly string[] = ['ann', 'bob', 'cleo', 'ann', 'dan'];

const STORM_MS = 60_000;
// Of every device, on average.
const WORK_EVERY_MS = 2_500;
const FAULTS_EVERY_MS = 1_500;

/** What may happen, and how often beside the others. */
export type Weights = readonly (readonly [weight: number, kind: Step['kind']])[];

const FAULTS: Weights = [
  [8, 'badNetwork'],
  [7, 'disconnect'],
  [4, 'killTab'],
  [6, 'openTab'],
  [2, 'closeTab'],
  [3, 'freezeTab'],
  [2, 'killBrowser'],
  [2, 'cutPower'],
  [1, 'evict'],
  [2, 'saveImage'],
  [2, 'setBack'],
  [1, 'clone'],
  [3, 'newDevice'],
  [6, 'truncate'],
  [3, 'checkpoint'],
  [2, 'failStorage'],
  [2, 'setClock'],
  [2, 'upgrade'],
  [1, 'pause'],
  [2, 'wake'],
  [5, 'repeat'],
  [5, 'lookAfterAside'],
  [4, 'killServer'],
  [2, 'databaseDown'],
  [2, 'databaseFaults'],
  [3, 'backup'],
  [2, 'restore'],
  [4, 'takeSnapshots'],
  [2, 'insertBeside'],
  [1, 'setServerClock'],
  [2, 'revokeTokens'],
  [1, 'tokenOutage'],
  [2, 'changeScopes'],
];

/** What a run may be without. Runs of few kinds of faults reach what is hidden behind the others. */
const SOMETIMES_NOT: readonly Step['kind'][] = [
  'badNetwork',
  'evict',
  'setBack',
  'clone',
  'truncate',
  'upgrade',
  'restore',
  'insertBeside',
  'changeScopes',
  'killServer',
];

/** What a plan may be otherwise. */
export interface PlanOptions {
  /** How long something happens. @defaultValue a minute */
  readonly stormMs?: number;
  /** What happens beside work. @defaultValue everything that can be simulated */
  readonly faults?: Weights;
}

/** @returns the same for the same numbers and options */
export function makePlan(seed: number, devices: number, { stormMs = STORM_MS, faults: some }: PlanOptions = {}): Plan {
  const random = new SeededRandom(seed * 7_919 + devices);
  const left = new Set(SOMETIMES_NOT.filter(() => random.chance(0.35)));
  const kinds = some ?? FAULTS.filter(([, kind]) => !left.has(kind));
  const share = random.pick([0.3, 1, 1, 2]);
  const steps: Step[] = [];
  const add = (kind: Step['kind']): void => {
    const atMs = random.between(500, stormMs);
    steps.push({ atMs, kind, target: random.between(0, 999), seed: random.between(1, 2 ** 31) });
  };
  for (let count = Math.round((devices * stormMs) / WORK_EVERY_MS); count > 0; count--) add('work');
  const faults = Math.round((share * stormMs) / FAULTS_EVERY_MS);
  for (let count = faults; count > 0; count--) add(random.weighted(kinds));
  steps.sort((one, other) => one.atMs - other.atMs);
  const servers = random.between(1, 3);
  return { seed, devices, servers, stormMs, traits: traitsOf(devices, random), steps };
}

/** All have the first release, or two that follow each other, or any. */
function traitsOf(devices: number, random: SeededRandom): DeviceTraits[] {
  const [from, to] = random.pick([
    [1, 1],
    [1, 2],
    [4, 5],
    [1, RELEASE_LAST],
  ] as const);
  const share = random.pick([0, 0.5, 1]);
  return Array.from({ length: devices }, () => ({
    release: random.between(from, to) as Release,
    bootstrap: random.chance(share),
  }));
}

/** What somebody may see: mostly all. */
export function randomScopes(random: SeededRandom): readonly Scope[] {
  return random.weighted<readonly Scope[]>([
    [5, SCOPES],
    [1, ['north']],
    [1, ['south']],
  ]);
}

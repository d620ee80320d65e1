/**
 * How a run of the model goes, and how often things happen in it.
 *
 * @module
 */
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
  /** Devices that were given another release of the application. */
  releases: number;
  withdrawn: number;
  /** What was set aside because it could not be seen, and is pending again. */
  returned: number;
}

export function noCounts(): Counts {
  return {
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
    releases: 0,
    withdrawn: 0,
    returned: 0,
  };
}

export interface WorldOptions {
  /** Whether what happens is written down. @defaultValue false */
  readonly isTraced?: boolean;
  /** @defaultValue 160 */
  readonly stormSteps?: number;
}

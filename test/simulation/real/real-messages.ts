/**
 * What the parts of a real run say to each other: it itself, the pages of its devices, and its server.
 *
 * @module
 */
import type { SetAsideReason, SyncProgress, UnitStanding } from '../../../src/persistence/unit-recorder.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import type { Release, Scope } from '../world/stock.js';
import type { Wish } from '../world/wishes.js';

/** What the server of a run is started with. */
export interface RealServerOptions {
  readonly databaseUrl: string;
  readonly port: number;
  /** Of the pages. */
  readonly origin: string;
  /** Who sees less than everything when it starts. */
  readonly scopes: readonly RealScopes[];
}

/** What a server says when it can be asked. */
export const LISTENING = 'listening';

/** What somebody sees from now on: said to a server, which says the same when it goes by it. */
export interface RealScopes {
  readonly subject: string;
  readonly scopes: readonly Scope[];
}

export const REAL_SEAL_KEY: Uint8Array = new Uint8Array(32).fill(7);

/** What a page is opened with. */
export interface RealTabOptions {
  readonly subject: string;
  readonly release: Release;
  /** Where its device reaches the server. */
  readonly url: string;
}

/** What came of opening a store. */
export interface RealOpening {
  /** How many units were brought back of one that was lost. */
  readonly restoredUnits: number | undefined;
  /** What it said of what it had lost, before it was opened again. */
  readonly loss: RealLoss | undefined;
}

/** As `STORAGE_LOST` says it. */
export interface RealLoss {
  readonly message: string;
  /** Which units are missing, where it knows that. */
  readonly units: readonly UnitId[] | undefined;
}

/** An event, as it comes out of a page. */
export interface RealEvent {
  readonly originatorId: string;
  readonly originatorVersion: number;
  readonly topic: string;
  readonly state: string;
}

/** What a store has, as one of its pages says. */
export interface RealSurvey {
  /** With their ids. */
  readonly events: readonly (RealEvent & { readonly id: number })[];
  readonly setAside: readonly {
    readonly id: UnitId;
    readonly reason: SetAsideReason;
    readonly events: readonly RealEvent[];
  }[];
  readonly progress: SyncProgress;
  readonly superseded: number;
}

/** What a page has counted of units that gave way to others. */
export interface RealConflicts {
  readonly conflicts: number;
  readonly decidedAgain: number;
  readonly withdrawn: number;
  readonly setAside: number;
}

/** What became of a wish: how many events, or the name and the text of what it failed with. */
export type RealFulfilment = number | { readonly name: string; readonly message: string };

/** The side of a page, as the run calls it. */
export interface RealTabCalls {
  open(options: RealTabOptions): Promise<RealOpening>;
  fulfil(wish: Wish): Promise<RealFulfilment>;
  survey(): Promise<RealSurvey>;
  find(ids: readonly UnitId[]): Promise<readonly (UnitStanding | undefined)[]>;
  conflicts(): RealConflicts;
}

/**
 * Bugs that a run has to find: each shows that what it breaks is looked at. They stand in front of the real code, and are
 * nowhere in it.
 *
 * @module
 */
import type { Wrap } from '../world/world.js';
import { SCOPES } from '../world/stock.js';
import { acknowledgeEarly, overwrite, relaxAlways } from './journal-bugs.js';
import {
  cursorBeforeRows,
  decideNothing,
  healNothing,
  idForEachPush,
  sendOnce,
  setNothingAside,
  skipUnit,
} from './recorder-bugs.js';
import { forgetUnits, unitRowApart, wrongSnapshot } from './server-bugs.js';

/** In so many runs each has to be found. */
export const BUG_SEEDS = 200;

/** Where the search begins for those that the first runs do not find: each that is found at once saves a test's time. */
export const BUG_FIRST: Readonly<Record<string, number>> = {
  overwrite: 8,
  'relax-always': 3,
  'heal-nothing': 3,
  'show-everything': 8,
  'wrong-snapshot': 2,
};

/** By their names, as `--bug` takes them. */
export const BUGS: Readonly<Record<string, Wrap>> = {
  'acknowledge-early': { device: { journal: acknowledgeEarly } },
  overwrite: { device: { journal: overwrite } },
  'relax-always': { device: { journal: relaxAlways } },
  'cursor-before-rows': { device: { recorder: cursorBeforeRows } },
  'send-once': { device: { recorder: sendOnce } },
  'id-for-each-push': { device: { recorder: idForEachPush } },
  'heal-nothing': { device: { recorder: healNothing } },
  'set-nothing-aside': { device: { recorder: setNothingAside } },
  'skip-unit': { device: { decider: skipUnit } },
  'decide-nothing': { device: { decider: decideNothing } },
  'unit-row-apart': { server: { storage: unitRowApart } },
  'forget-units': { server: { storage: forgetUnits } },
  'show-everything': { server: { scopes: () => SCOPES } },
  'wrong-snapshot': { server: { snapshots: wrongSnapshot } },
};

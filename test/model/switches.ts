/**
 * The rules of the model that can be switched off, one at a time, and what each is for. That a run finds it is the proof
 * that the rule is needed, and that the checks see what they are for.
 *
 * @module
 */
export const SWITCHES = {
  // The server.
  'unit-once': 'a unit that is known is decided once more',
  'number-only': 'a strict event fits by its version alone',
  'after-unit': 'what an event stands on is named by unit, in whatever edition that is there',
  'moved-edition': 'a unit that is placed elsewhere than where it was recorded keeps its edition',
  'conflict-is-decision': 'a conflict is stored as a rejection',
  'any-turn': 'a push is decided before the one that it was sent after',
  'follow-strangers': 'a push may follow what another subject has sent',
  'orphan-commutative': 'a commutative event is taken by a log that has nothing of its aggregate',
  'no-chain': 'a cursor is known by its position alone',
  'page-cut': 'a page ends in the middle of a unit',
  'adopt-late': 'rows that were inserted beside the server are adopted after what is asked for, not before',
  'adopt-random-id': 'a row that is adopted gets an id that does not follow from it',
  'derived-of-strangers': 'a unit with a derived id is refused to whoever did not send it first',
  'heal-twice': 'a unit is healed although it is known',
  'no-seal': 'an offer is believed without a seal',
  'seal-any-tenant': 'a seal says nothing of the tenant',
  'aside-once': 'what was offered and does not fit is not tried again',
  'parts-apart': 'a part of a unit is healed without the others',
  'any-tenant': 'the tenant is the one that is asked for, not the one of the token',
  'tell-strangers': 'who sends an id of another subject is told what became of it',
  'tell-unseen': 'a unit that its sender may not see any more is answered as accepted',
  'write-unseen': 'a unit is taken from somebody who may not see what it writes to',
  // The device.
  'no-heal': 'what is lost is not offered',
  'lost-is-gone': 'own units that are lost leave like those of others',
  'confirm-by-answer': 'the answer of a push confirms',
  'answer-is-truth': 'what a push said was accepted is never sent again',
  'page-anywhere': 'a page is stored wherever the device stands',
  'cursor-apart': 'a cursor is stored without its page now and then',
  'stale-tab': 'a tab writes on what it saw when it asked',
  closure: 'what builds on a unit that gives way stays',
  'skip-unit': 'a unit that gives way is forgotten now and then',
  'new-id': 'a unit that is decided again gets a new id',
  'same-edition': 'a unit that is decided again keeps its edition',
  'place-is-unit': 'an own unit is recognised by its place, in whatever edition',
  'moved-orphan': 'a commutative unit stays though nothing of its aggregate is left before it',
  'aside-stays': 'a unit that a page brings stays among those set aside',
  'no-sweep': 'what a device may not see any more stays',
  'held-unsaid': 'a device that follows the log anew does not say how far it had been',
  'offered-unsaid': 'a device that has offered what was lost does not say where the log ended then',
  'sweep-early': 'what lies behind the end of a page leaves because the page does not show it',
  'sweep-units': 'of an aggregate that may not be seen any more, what other pages cover stays until they come',
  'marks-stay': 'a place where the device stood stays one, when it has passed it with other scopes',
  'scope-is-loss': 'another scope is answered like a log that was set back',
  'retry-random-id': 'a refused unit is tried again under an id of its own',
  'truncate-unasked': 'what leaves a device was not compared with what the server has',
  'superseded-stays': 'what has given way is not decided again at the end of the log',
  'unseen-stays': 'what was set aside because it could not be seen is not taken back when it can',
  'unknown-is-nothing': 'a command that a release does not know is taken for one that has nothing to do',
  'unknown-is-passed': 'what a release does not know of an aggregate is passed over when it decides on it',
  'refused-is-gone': 'what of others the server does not take back leaves, also where nobody else has it',
  'base-forgets': 'what stood before the anchor of a base is not known any more',
  'base-stays': 'a base stays though the log has lost the event after it',
  'pass-repeats': 'a pass through the log brings once more what a base is for',
  'part-over-own': 'what stands for history comes over what was recorded here before',
  'part-anywhere': 'a part of a bootstrap is stored wherever the device stands',
  'part-elsewhere': 'each part of a bootstrap is of where the log ends then',
  'part-unit-whole': 'of a unit all comes with the first part that has something of it',
  'old-random-id': 'an event that was recorded before units gets an id that does not follow from it',
} as const;

export type Switch = keyof typeof SWITCHES;

export const SWITCH_NAMES: readonly Switch[] = Object.keys(SWITCHES) as Switch[];

/** The mode of a run, where nobody asks for one: all of them in turn. */
export function modeOfSeed(seed: number, broken?: Switch): Mode {
  const conflicts = seed % 2 === 0 ? 'again' : 'aside';
  return {
    conflicts,
    hasSeals: seed % 5 !== 0,
    hasBootstrap: seed % 3 === 0,
    hasGaps: seed % 7 >= 3,
    isRestless: seed % 4 === 3,
    broken,
  };
}

/** How a run of the model goes. */
export interface Mode {
  /** What becomes of a unit in whose place another one stands: it is set aside, or decided again. */
  readonly conflicts: 'aside' | 'again';
  /** Whether the server has a key to seal with; without one nothing can be brought back to it but by its author. */
  readonly hasSeals: boolean;
  /** Whether new devices come, and begin with what stands for history. */
  readonly hasBootstrap: boolean;
  /** Whether positions have gaps, where an insert has failed: they do where a table gives them, and not where the log counts. */
  readonly hasGaps: boolean;
  /** Whether what is rare otherwise happens several times as often: copies, other scopes, logs set back, people who look after things. */
  readonly isRestless: boolean;
  /** The rule that is switched off. */
  readonly broken?: Switch | undefined;
}

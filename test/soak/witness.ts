/**
 * Writes down what the tabs were promised, and compares it with what is there.
 *
 * 1. An acknowledged commit is there once, with the ids that it was given. So is one that was found when it was tried
 *    again. A refused one is not.
 * 2. Every commit that is there, acknowledged or not, is there whole: its events have ids that follow each other.
 * 3. Notification ids are 1, 2, 3 …; so are the journal's positions, from the first record that is kept; and what was
 *    there at the last survey is there, unchanged.
 * 4. A tracking is where the last commit that moved it, and is there, has put it.
 * 5. The application's own table has a row for each commit that wrote one and is there, and no other.
 * 6. All of that holds of a store that the browser has lost, and which came back, too; but the ids are others then, and
 *    trackings, and rows of tables of one's own, went with it: an application makes them anew from the events.
 * 7. All replicas are equal: every event, byte for byte, and every row of every table that SQL can see.
 *
 * @module
 */
import type { CommitReport, StoreSurvey, SurveyedEvent, SurveyOrder, WitnessMessage } from './soak-messages.js';

/** What was counted, over all stores. */
export interface WitnessCounts {
  acknowledged: number;
  events: number;
  /** Commits whose reply was lost, and which were there when they were tried again. */
  foundAfterLostReply: number;
  /** Attempts that nobody answered. */
  lostReplies: number;
  conflicts: number;
  quotaErrors: number;
  checkpoints: number;
  compactions: number;
  /** Commits that wrote a row of the application's own, too. */
  ownRows: number;
  surveys: number;
  /** How often a store was lost, and came back. */
  rescues: number;
  /** Units that came back. */
  rescuedUnits: number;
}

/** Nothing yet. */
export function newWitnessCounts(): WitnessCounts {
  return {
    ...{ acknowledged: 0, events: 0, foundAfterLostReply: 0, lostReplies: 0, conflicts: 0, quotaErrors: 0 },
    ...{ checkpoints: 0, compactions: 0, ownRows: 0, surveys: 0, rescues: 0, rescuedUnits: 0 },
  };
}

interface FoundCommit {
  readonly hasOwnRow: boolean;
  readonly size: number;
  readonly ids: number[];
}

/** The witness of one store. */
export class Witness {
  readonly storeName: string;
  readonly #counts: WitnessCounts;
  readonly #reports = new Map<string, CommitReport>();
  readonly #found = new Map<string, FoundCommit>();
  readonly #places = new Set<string>();
  readonly #ownRows = new Set<string>();
  readonly #trackings = new Map<string, number>();
  readonly #unexpected: string[] = [];
  #mark = 0;
  #digest = '';
  #replicaId: string | undefined;
  #checkpoint = 0;
  #firstRecord = 1;
  /** Commits that were there before the store was lost: their rows are gone. */
  #withoutRow: ReadonlySet<string> = new Set();
  #isRestored = false;

  /** @param counts - added to */
  constructor(storeName: string, counts: WitnessCounts) {
    this.storeName = storeName;
    this.#counts = counts;
  }

  /** Writes down what a tab says. */
  hear({ reports, unexpected }: WitnessMessage): void {
    if (unexpected !== undefined) this.#unexpected.push(`A tab met an error that it must not meet: ${unexpected}`);
    for (const report of reports) this.#hearReport(report);
  }

  /** Takes that the store was lost, and that so many units came back. */
  hearRescue(units: number): void {
    this.#counts.rescues++;
    this.#counts.rescuedUnits += units;
    this.#isRestored = true;
    this.#mark = 0;
    this.#digest = '';
    this.#replicaId = undefined;
    this.#checkpoint = 0;
    this.#firstRecord = 1;
    for (const memory of [this.#found, this.#places, this.#ownRows, this.#trackings]) memory.clear();
    for (const [commitId, report] of this.#reports) {
      // It is there, and under which ids nobody knows.
      if (report.outcome === 'acknowledged') this.#reports.set(commitId, { ...report, outcome: 'found' });
    }
  }

  /** What the next survey is to look at. */
  get order(): SurveyOrder {
    return { mark: this.#mark, trackingNames: [...this.#trackings.keys()] };
  }

  /**
   * Compares what every tab holds with what was promised, and remembers it.
   *
   * @returns what is wrong, in words
   */
  check(surveys: readonly StoreSurvey[]): readonly string[] {
    const [first, ...others] = surveys;
    if (first === undefined) throw new Error('Nothing was surveyed.');
    this.#counts.surveys++;
    // What is there at the first look came back.
    if (this.#isRestored) this.#withoutRow = new Set(first.events.map(({ commitId }) => commitId));
    this.#isRestored = false;
    const problems = [
      ...this.#unexpected,
      ...first.problems,
      ...this.#checkPast(first),
      ...this.#addEvents(first.events),
      ...this.#checkReports(),
      ...this.#checkTrackings(first),
      ...this.#checkOwnRows(first),
      ...checkJournal(first),
      ...others.flatMap((other) => differences(first, other)),
    ];
    this.#countCheckpoints(first);
    this.#mark = first.largestId;
    this.#digest = first.digest;
    return problems;
  }

  #hearReport(report: CommitReport): void {
    const { commitId, outcome, tracking, size, code, lostReplies } = report;
    this.#reports.set(commitId, report);
    this.#counts.lostReplies += lostReplies;
    if (code === 'INTEGRITY_ERROR') this.#counts.conflicts++;
    if (code === 'STORAGE_FULL') this.#counts.quotaErrors++;
    if (outcome === 'found') this.#counts.foundAfterLostReply++;
    if (outcome === 'acknowledged') this.#counts.acknowledged++;
    if (outcome !== 'refused') {
      this.#counts.events += size;
      if (tracking !== undefined) this.#trackings.set(tracking.applicationName, tracking.notificationId);
    }
  }

  #checkPast({ replicaId, digestAtMark, largestId }: StoreSurvey): readonly string[] {
    this.#replicaId ??= replicaId;
    if (replicaId !== this.#replicaId) return ['the store has become another one'];
    if (largestId < this.#mark) return [`the largest id is ${largestId}, and was ${this.#mark}`];
    return digestAtMark === this.#digest ? [] : [`the events up to ${this.#mark} are not what they were`];
  }

  #addEvents(events: readonly SurveyedEvent[]): readonly string[] {
    const problems: string[] = [];
    for (const [
      offset,
      { id, commitId, index, size, originatorId, originatorVersion, hasOwnRow },
    ] of events.entries()) {
      if (id !== this.#mark + 1 + offset) problems.push(`notification ${this.#mark + 1 + offset} is missing`);
      const commit = this.#found.get(commitId) ?? { size, ids: [], hasOwnRow };
      this.#found.set(commitId, commit);
      if (index !== commit.ids.length)
        problems.push(`event ${index} of commit ${commitId} is there twice, or too early`);
      commit.ids.push(id);
      const place = `${originatorId} ${originatorVersion}`;
      if (this.#places.has(place)) problems.push(`there are two events at ${place}`);
      this.#places.add(place);
    }
    for (const [commitId, { size, ids }] of this.#found) {
      if (ids.length !== size) problems.push(`of commit ${commitId}, ${ids.length} of ${size} events are there`);
      if (ids.at(-1) !== ids[0]! + size - 1) problems.push(`commit ${commitId} was torn apart: ${ids.join()}`);
    }
    return problems;
  }

  #checkReports(): readonly string[] {
    const problems: string[] = [];
    for (const { commitId, outcome, notificationIds, size } of this.#reports.values()) {
      const found = this.#found.get(commitId);
      if (outcome === 'refused' && found !== undefined) problems.push(`commit ${commitId} was refused, and is there`);
      if (outcome === 'refused' || size === 0) continue;
      if (found === undefined) problems.push(`commit ${commitId} was ${outcome}, and is not there`);
      else if (outcome === 'acknowledged' && found.ids.join() !== notificationIds.join()) {
        problems.push(`commit ${commitId} was given the ids ${notificationIds.join()}, and has ${found.ids.join()}`);
      }
    }
    return problems;
  }

  #checkTrackings({ trackings }: StoreSurvey): readonly string[] {
    const problems: string[] = [];
    for (const [name, promised] of this.#trackings) {
      const stored = trackings[name] ?? 0;
      // One commit of the lane may have been recorded when nobody was left to hear of it.
      if (stored < promised || stored > promised + 1) {
        problems.push(`tracking ${name} is at ${stored}, and was said to be at ${promised}`);
      }
    }
    return problems;
  }

  #checkOwnRows({ ownRows }: StoreSurvey): readonly string[] {
    const expected = [...this.#found]
      .filter(([commitId, { hasOwnRow }]) => hasOwnRow && !this.#withoutRow.has(commitId))
      .map(([commitId]) => commitId);
    const [there, wanted] = [new Set(ownRows), new Set(expected)];
    this.#counts.ownRows += ownRows.filter((commitId) => !this.#ownRows.has(commitId)).length;
    for (const commitId of ownRows) this.#ownRows.add(commitId);
    return [
      ...expected.filter((commitId) => !there.has(commitId)).map((id) => `the own row of commit ${id} is not there`),
      ...ownRows.filter((commitId) => !wanted.has(commitId)).map((id) => `commit ${id} is not there, but its row`),
    ];
  }

  #countCheckpoints({ checkpoints, journal }: StoreSurvey): void {
    const newest = checkpoints.at(-1) ?? 0;
    if (newest > this.#checkpoint) this.#counts.checkpoints++;
    this.#checkpoint = newest;
    const first = journal[0] ?? 1;
    if (first > this.#firstRecord) this.#counts.compactions++;
    this.#firstRecord = first;
  }
}

function checkJournal({ journal, checkpoints }: StoreSurvey): readonly string[] {
  const first = journal[0] ?? 1;
  const gap = journal.findIndex((position, index) => position !== first + index);
  const problems = gap < 0 ? [] : [`the journal has ${journal[gap]} where ${first + gap} belongs`];
  const oldest = checkpoints[0] ?? 0;
  if (first > oldest + 1) problems.push(`the journal begins at ${first}, the oldest checkpoint is at ${oldest}`);
  return problems;
}

function differences(one: StoreSurvey, other: StoreSurvey): readonly string[] {
  const fields = ['replicaId', 'largestId', 'digest', 'digestAtMark', 'tables'] as const;
  const unequal: string[] = fields.filter((field) => one[field] !== other[field]);
  if (JSON.stringify(one.trackings) !== JSON.stringify(other.trackings)) unequal.push('trackings');
  return unequal.map((field) => `two replicas differ: ${field}`);
}

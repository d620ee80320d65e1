import type { D1Answer, D1Session, D1Source, D1Statement } from '../../../src/persistence/d1/d1-database.js';

/** Where the way to the database breaks: `before` it has a batch, or `after` it has run it. */
export type Break = 'before' | 'after';

/** A real database, to which the way can break. */
export interface BrokenD1 extends D1Source {
  /** Breaks at batches that it says so of, by their numbers, counted from 1. */
  breaks: (batch: number) => Break | undefined;
  /** What it breaks with. */
  message: string;
  /** How it was read, in the order of the sessions. */
  readonly sessions: string[];
  /** How many statements each batch had. */
  readonly batches: number[];
}

/** Batches run in the real database, or not at all; only answers are lost. */
export function brokenD1(database: D1Source): BrokenD1 {
  const broken: BrokenD1 = {
    breaks: () => undefined,
    message: 'D1_ERROR: Network connection lost.',
    sessions: [],
    batches: [],
    withSession(session) {
      broken.sessions.push(session ?? '');
      return brokenSession(database.withSession(session), broken);
    },
  };
  return broken;
}

function brokenSession(session: D1Session, broken: BrokenD1): D1Session {
  return {
    prepare: (query) => session.prepare(query),
    getBookmark: () => session.getBookmark(),
    async batch(statements: D1Statement[]): Promise<D1Answer[]> {
      const at = broken.breaks(broken.batches.push(statements.length));
      if (at === 'before') throw new Error(broken.message);
      const answers = await session.batch(statements);
      if (at === 'after') throw new Error(broken.message);
      return answers;
    },
  };
}

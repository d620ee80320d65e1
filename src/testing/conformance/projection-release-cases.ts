/**
 * What projections promise while an old and a new release of a program run at once, with definitions of their own.
 *
 * @module
 */
import { InlineProjection } from '../../application/projections/inline-projection.js';
import { ProjectionRunner } from '../../application/projections/projection-runner.js';
import type { ProjectionRunnerOptions } from '../../application/projections/projection-runner.js';
import type { SqlProjection, SqlView } from '../../application/projections/projection.js';
import { SqlProjectionStore } from '../../application/projections/sql-projection-store.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { closedAfter, expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { CountingWorld } from './counting-world.js';
import type { OnFound } from './counting-world.js';
import { newOriginatorId } from './event-samples.js';
import type { ProjectionContext } from './projection-cases.js';

type Case = ConformanceCase<ProjectionContext>;

/** A definition of the sums, whose factor tells by the view who has made it. */
interface Release {
  readonly factor: number;
  readonly version?: number;
}

const OLD: Release = { factor: 1 };
const NEW: Release = { factor: 10 };

/** A projection as several releases of a program define it, and the events of one thing. */
class Releases {
  readonly world: CountingWorld;
  readonly #recorder: SqlRecorder;
  readonly #thing: string = newOriginatorId();
  #times = 0;

  constructor(recorder: SqlRecorder) {
    this.#recorder = recorder;
    this.world = new CountingWorld(recorder);
  }

  /** Another factor has another table, too: so it is seen to be another definition. */
  projection({ factor, version = 1 }: Release, onFound?: OnFound): SqlProjection {
    const sums = this.world.sums(onFound, factor);
    const table = `by_${factor}_${this.world.name}`;
    const create = (name: string): string => `CREATE TABLE ${name} (n BIGINT NOT NULL)`;
    return { ...sums, version, tables: { ...sums.tables, [table]: create } };
  }

  runner(
    release: Release,
    options: Partial<ProjectionRunnerOptions<SqlView>> & { readonly onFound?: OnFound } = {},
  ): ProjectionRunner<SqlView> {
    const projection = this.projection(release, options.onFound);
    const store = new SqlProjectionStore(this.#recorder, projection);
    return new ProjectionRunner<SqlView>({ projection, store, log: this.world.log, random: () => 0, ...options });
  }

  inline(release: Release): InlineProjection<string> {
    return new InlineProjection({
      projection: this.projection(release),
      recorder: this.#recorder,
      decode: (notification) => Promise.resolve(this.world.decode(notification)),
    });
  }

  async find(): Promise<number> {
    this.#times++;
    return await this.world.find(this.#thing, 1);
  }

  /** Records one in line with the view of a release. */
  async commit(release: Release): Promise<void> {
    const event = this.world.next(newOriginatorId(), 1);
    await this.#recorder.transaction(async (transaction) => {
      const [id = 0] = await transaction.insertEvents([event]);
      await this.inline(release).onRecorded(transaction, [this.world.decode({ ...event, id })]);
    });
  }

  /** Sees that the view is of a release, and whole. */
  async expectViewOf({ factor }: Release, what: string): Promise<void> {
    const { [this.#thing]: sum } = await this.world.readSums(this.#recorder);
    expectEqual(sum, [this.#times * factor, this.#times], what);
  }
}

/** Everything by which a release could take the view. */
async function expectRefused(releases: Releases, release: Release, what: string): Promise<void> {
  const deeds: Readonly<Record<string, () => Promise<unknown>>> = {
    'to catch up': () => releases.runner(release).catchUp(),
    'to start': () => releases.runner(release).start(),
    'to build it anew': () => releases.runner(release).rebuild(),
    'to reset it': () => releases.runner(release).reset(),
    'to set it up in line': () => releases.inline(release).setUp(),
    'to commit in line': () => releases.commit(release),
  };
  for (const [deed, attempt] of Object.entries(deeds))
    await expectRejection(attempt(), 'PROJECTION_REPLACED', `${what}, ${deed}`);
}

const staysReplaced: Case = {
  name: 'of two definitions of one version the later one has the view, and the one before it stops',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    const old = releases.runner(OLD);
    await closedAfter(old, async () => {
      await old.start();
      await old.waitFor(await releases.find());
      await releases.runner(NEW).catchUp();
      await releases.expectViewOf(NEW, 'the new release has it');
      const next = releases.runner(NEW);
      await closedAfter(next, async () => {
        await next.start();
        await expectRejection(old.waitFor(await releases.find()), 'FOLLOWER_STOPPED', 'the old one that still runs');
        const { lastError } = old.status.value;
        expectEqual((lastError as { code?: unknown } | undefined)?.code, 'PROJECTION_REPLACED', 'it says why');
        // As often as it is started: not in turn with the new one.
        for (let start = 0; start < 2; start++) {
          await expectRefused(releases, OLD, `the old one at start ${start}`);
          await next.waitFor(await releases.find());
          await releases.expectViewOf(NEW, 'the new one goes on');
        }
        expectEqual(next.status.value.lastError, undefined, 'undisturbed');
      });
    });
  },
};

const staysLower: Case = {
  name: 'a lower version neither builds the view of a higher one anew, nor resets it, nor commits in line with it',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    await releases.find();
    // Only now does the lower version come: it never had the view.
    const higher = { ...NEW, version: 2 };
    await releases.runner(higher).catchUp();
    await expectRefused(releases, OLD, 'a lower version');
    await expectRefused(releases, NEW, 'a lower version with the same tables');
    await releases.find();
    await releases.runner(higher).catchUp();
    await releases.expectViewOf(higher, 'as it was');
  },
};

const refusesInline: Case = {
  name: 'a commit in line with a view that was replaced is refused whole, and one in line with the new view goes on',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    await releases.inline(OLD).setUp();
    await releases.commit(OLD);
    await releases.find();
    // Set up before: nothing is wrong with an earlier definition's view, but nothing is added to it either.
    await releases.inline(NEW).setUp();
    await expectRejection(releases.commit(NEW), 'PROGRAMMING_ERROR', 'before it is built anew');
    await releases.runner(NEW).rebuild();
    const before = await releases.world.readSums(recorder);
    const count = async (): Promise<number> =>
      (await recorder.selectNotifications({ start: 1, limit: 1_000_000 })).length;
    const events = await count();
    await expectRejection(releases.commit(OLD), 'PROJECTION_REPLACED', 'of the old release');
    expectEqual(await count(), events, 'nothing was stored');
    expectEqual(await releases.world.readSums(recorder), before, 'and nothing is in the view');
    await releases.commit(NEW);
    expectEqual(await count(), events + 1, 'of the new release');
    await releases.expectViewOf(NEW, 'the new view');
  },
};

const noticesIdle: Case = {
  name: 'a runner whose definition was replaced stops even if the new one has taken every event before it',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    let tell = (): void => undefined;
    const onRecorded = (listener: () => void): (() => void) => {
      tell = listener;
      return () => undefined;
    };
    const old = releases.runner(OLD, { log: { ...releases.world.quietLog, onRecorded } });
    await closedAfter(old, async () => {
      const first = await releases.find();
      await old.start();
      await old.waitFor(first);
      await releases.find();
      await releases.runner(NEW).catchUp();
      const stopped = old.waitFor(2 ** 40);
      tell();
      await expectRejection(stopped, 'FOLLOWER_STOPPED', 'it has nothing to do, and is not the one who does it');
    });
  },
};

const comesBack: Case = {
  name: 'a definition that was replaced comes back when it is told to, or under a higher version',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    await releases.find();
    await releases.runner(OLD).catchUp();
    await releases.runner(NEW).catchUp();
    await releases.runner(OLD).rebuild({ isRollback: true });
    await releases.expectViewOf(OLD, 'built anew');
    await releases.runner(OLD).catchUp();
    await expectRefused(releases, NEW, 'now that one was replaced');
    await releases.runner(NEW).reset({ isRollback: true });
    await releases.find();
    await releases.runner(NEW).catchUp();
    await releases.expectViewOf(NEW, 'reset');
    await expectRefused(releases, OLD, 'as before');
    const raised = { ...OLD, version: 2 };
    await releases.runner(raised).catchUp();
    await releases.expectViewOf(raised, 'under a higher version');
    await expectRefused(releases, NEW, 'a lower version');
    await releases.runner(NEW).rebuild({ isRollback: true });
    await releases.expectViewOf(NEW, 'a lower version, told to');
    // It is the higher one after all.
    await releases.runner(raised).catchUp();
    await releases.expectViewOf(raised, 'the higher version, by itself');
  },
};

const keepsNext: Case = {
  name: 'a view that a new release is building is not dropped by an old one, nor given to two new ones in turn',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    for (let time = 0; time < 3; time++) await releases.find();
    await releases.runner(OLD).catchUp();
    const breakOff = async (release: Release): Promise<void> => {
      const stop = new AbortController();
      const reason = new RangeError('broken off');
      const onFound = (): void => stop.abort(reason);
      const runner = releases.runner(release, { onFound, batchEventsMax: 1 });
      const outcome = await runner.rebuild({ signal: stop.signal }).catch((error: unknown) => error);
      expectTrue(outcome === reason, 'broken off');
    };
    await breakOff(NEW);
    await expectRejection(releases.runner(OLD).rebuild(), 'PROJECTION_REPLACED', 'the old one builds it anew');
    await expectRejection(releases.runner(OLD).reset(), 'PROJECTION_REPLACED', 'the old one resets it');
    await releases.find();
    await releases.runner(OLD).catchUp();
    await releases.expectViewOf(OLD, 'the old one goes on until it is replaced');
    const newest: Release = { factor: 100 };
    await breakOff(newest);
    await expectRefusedNext(releases, NEW);
    await releases.runner(newest).catchUp();
    await releases.expectViewOf(newest, 'the one that came last');
    await expectRefused(releases, NEW, 'the one whose view was never finished');
    await expectRefused(releases, OLD, 'the one before');
  },
};

async function expectRefusedNext(releases: Releases, release: Release): Promise<void> {
  await expectRejection(releases.runner(release).catchUp(), 'PROJECTION_REPLACED', 'whose next view was replaced');
  await expectRejection(releases.runner(release).rebuild(), 'PROJECTION_REPLACED', 'the same, built anew');
}

const startsAtOnce: Case = {
  name: 'releases that are started again and again, at once, do not take the view from each other',
  run: async ({ recorder }) => {
    const releases = new Releases(recorder);
    await releases.find();
    await releases.runner(OLD).catchUp();
    await releases.runner(NEW).catchUp();
    for (let round = 0; round < 6; round++) {
      const old = releases.runner(OLD);
      const outcomes = await Promise.allSettled([
        releases.find(),
        [() => old.catchUp(), () => old.rebuild(), () => old.reset()][round % 3]?.(),
        releases.runner(NEW).catchUp(),
        round % 2 === 0 ? releases.runner(NEW).rebuild() : releases.commit(NEW),
        releases.commit(OLD),
      ]);
      expectEqual(
        outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : codeOf(outcome.reason))),
        ['done', 'PROJECTION_REPLACED', 'done', 'done', 'PROJECTION_REPLACED'],
        `round ${round}`,
      );
    }
    await releases.runner(NEW).catchUp();
    await releases.expectViewOf(NEW, 'of the new one');
  },
};

function codeOf(error: unknown): unknown {
  return isEventSourcingError(error) ? error.code : error;
}

/** The cases, in the order of their subjects. */
export const projectionReleaseCases: readonly Case[] = [
  staysReplaced,
  staysLower,
  refusesInline,
  noticesIdle,
  comesBack,
  keepsNext,
  startsAtOnce,
];

/**
 * A view that is replaced while others work on it, on connections of their own: every pair of what can happen to it, the
 * first held at the end of its transaction until the second has run into it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEvents } from '../../../src/application/log/event-pages.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { applyPage } from '../../../src/application/projections/projection-applier.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../../src/util/clock.js';
import { oneWhileOther } from '../../support/gated-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';

let fixture: PostgresFixture;
beforeAll(async () => {
  fixture = await openPostgres();
});
afterAll(async () => fixture.close());

/** What one of several programs does to the view. */
type Deed = (recorder: SqlRecorder, scene: Scene) => Promise<unknown>;

class Scene {
  readonly world: CountingWorld;
  readonly things: readonly string[] = [newOriginatorId(), newOriginatorId()];
  readonly projection: ReturnType<CountingWorld['sums']>;
  readonly #found: [number, number] = [0, 0];

  constructor(recorder: SqlRecorder) {
    this.world = new CountingWorld(recorder);
    this.projection = this.world.sums();
  }

  get sums(): Readonly<Record<string, readonly [number, number]>> {
    const sums = this.things.map((thing, index) => [thing, this.#found[index]] as const);
    return Object.fromEntries(
      sums.filter(([, times]) => times !== 0).map(([thing, times]) => [thing, [Number(times), Number(times)]]),
    );
  }

  count(who: 0 | 1): string {
    this.#found[who]++;
    return this.things[who] as string;
  }

  store(recorder: SqlRecorder): SqlProjectionStore {
    return new SqlProjectionStore(recorder, this.projection);
  }

  runner(recorder: SqlRecorder): ProjectionRunner<SqlView> {
    return new ProjectionRunner<SqlView>({
      projection: this.projection,
      store: this.store(recorder),
      log: this.world.log,
    });
  }

  /** A live view, a next one that is as far, and an event that neither holds. */
  async setUp(recorder: SqlRecorder): Promise<void> {
    await this.world.find(this.count(0), 1);
    await this.runner(recorder).catchUp();
    const store = this.store(recorder);
    await store.beginNext();
    const { log } = this.world;
    const head = await log.recorder.maxNotificationId();
    const page = await readEvents(log, { after: 0, head, limit: 100, topics: this.projection.topics });
    await store.transaction('next', (transaction) => applyPage(this.projection, transaction, page, systemClock));
    await this.world.find(this.count(0), 1);
  }
}

const DEEDS: Readonly<Record<string, Deed>> = {
  'puts the next view in its place': (recorder, scene) => scene.store(recorder).promoteNext(),
  'begins a next view': (recorder, scene) => scene.store(recorder).beginNext(),
  'resets the view': (recorder, scene) => scene.store(recorder).reset(),
  'sets the view up': (recorder, scene) => scene.store(recorder).setUp(),
  'takes events': (recorder, scene) => scene.runner(recorder).catchUp(),
  'commits in line': async (recorder, { world, projection, ...scene }) => {
    const decode = (notification: Parameters<CountingWorld['decode']>[0]) =>
      Promise.resolve(world.decode(notification));
    const inline = new InlineProjection({ projection, recorder, decode });
    const event = world.next(scene.things[1] as string, 1);
    await recorder.transaction(async (transaction) => {
      const [id = 0] = await transaction.insertEvents([event]);
      await inline.onRecorded(transaction, [world.decode({ ...event, id })]);
    });
  },
};

describe.each(Object.keys(DEEDS))('while one %s', (first) => {
  test.each(Object.keys(DEEDS))('another one %s', async (second) => {
    const { recorder } = fixture;
    const scene = new Scene(recorder);
    await scene.setUp(recorder);
    if (second === 'commits in line') scene.count(1);
    if (first === 'commits in line') scene.count(1);

    await Promise.all(
      oneWhileOther(
        recorder,
        (one) => (DEEDS[first] as Deed)(one, scene),
        (other) => (DEEDS[second] as Deed)(other, scene),
      ),
    );

    await scene.runner(recorder).catchUp();
    expect(await scene.world.readSums(recorder)).toEqual(scene.sums);
    // And it can be built anew by whoever comes next.
    await scene.runner(recorder).rebuild();
    expect(await scene.world.readSums(recorder)).toEqual(scene.sums);
  });
});

/** Hashes of views across the boundary to the worker: two stores that have the same log, and an engine that runs here. */
import { Application, projectionHash, ProjectionRunner, SqlProjectionStore } from 'daybook/application';
import { newOriginatorId } from 'daybook/testing';
import { expect, test } from 'vitest';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { parcel, PARCELS, WEIGHTS_HASH, weightsOf } from '../support/parcels.js';
import { newStoreName, openStore } from './open-store.js';

const weights = weightsOf('BLOB');

test('stores that have the same confirmed history have one hash, and one with something pending has none', async () => {
  const theirs = await openStore(newStoreName());
  const others = new Application({ recorder: theirs.recorder, aggregates: [parcel] });
  for (const [index, id] of PARCELS.entries()) {
    for (const grams of [1.5, 1e21, 0.1 + index])
      await others.execute(parcel, id, { type: 'Weigh', data: { grams, label: `ü€𝄞 ${index}` } });
  }
  const events = await theirs.recorder.selectNotifications({ start: 1, limit: 100 });
  const hashes: unknown[] = [];
  for (const follows of ['confirmed', 'undo', 'rebuild'] as const) {
    const store = await openStore(newStoreName());
    const app = new Application({ recorder: store.recorder, aggregates: [parcel] });
    const log = await LogPages.after(store.recorder);
    await using runner = new ProjectionRunner({
      ...{ projection: weights, log: app, follows, store: new SqlProjectionStore(store.recorder, weights) },
    });
    // Whatever pages it comes in.
    const units = events.map(({ id: _id, ...stored }) => ({ events: [stored] }));
    const first = follows === 'undo' ? 2 : units.length;
    for (const part of [units.slice(0, first), units.slice(first)]) {
      if (part.length > 0) await store.recorder.insertPage(log.next(...part));
      await runner.catchUp();
    }
    const hash = await projectionHash(store.recorder, weights);
    expect(hash).toMatchObject({ rows: 2, position: 6, positionOf: 'server', discarded: 0 });
    hashes.push(hash);
    await app.execute(parcel, newOriginatorId(), { type: 'Weigh', data: { grams: 1, label: '' } });
    await runner.catchUp();
    if (follows === 'confirmed') expect(await projectionHash(store.recorder, weights)).toEqual(hash);
    else {
      await expect(projectionHash(store.recorder, weights)).rejects.toMatchObject({
        ...{ code: 'VIEW_UNSETTLED', details: { pendingUnits: 1 } },
      });
    }
    await store.close();
  }
  for (const hash of hashes) expect(hash).toEqual(hashes[0]);
  // Without a server, of the events that are here: the same view, at a position of its own.
  await using own = new ProjectionRunner({
    ...{ projection: weights, log: others, store: new SqlProjectionStore(theirs.recorder, weights) },
  });
  await own.catchUp();
  const here = await projectionHash(theirs.recorder, weights);
  expect(here).toEqual({ ...(hashes[0] as object), positionOf: 'recorder' });
  expect(here.hash).toBe(WEIGHTS_HASH);
  await theirs.close();
});

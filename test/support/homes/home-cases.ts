/**
 * What may happen to a server, and what has to come of it, wherever it lives. Each case is run in each home that is not named with
 * a reason in {@link NOT_THERE}; docs/faults.md has the table.
 *
 * @module
 */
import { expect } from 'vitest';
import { packLostUnits, packPendingUnits } from '../../../src/persistence/unit-batch.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { LostUnit, PendingUnit } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import type { Fault } from '../http-faults.js';
import { pendingUnits } from '../unit-wire.js';
import { FORBIDDEN_TOPIC, NORTH } from './home-options.js';
import type { HomeScene } from './home-scene.js';
import type { HomeName } from './server-homes.js';

const ordinary = (originatorId = newOriginatorId(), version = 1, more: Partial<PendingUnit> = {}): PendingUnit =>
  sampleUnit([sampleEvent(originatorId, version)], more);

function ofTopic(topic: string): PendingUnit {
  return sampleUnit([{ ...sampleEvent(newOriginatorId(), 1), topic }]);
}

/** The cases, by name. */
export const HOME_CASES: Readonly<Record<string, (scene: HomeScene) => Promise<void>>> = {
  'requests and answers are lost, cut, repeated, and answered by others': async (scene) => {
    const proxy = await scene.proxy();
    const devices = [await scene.device('ann', { url: proxy.url }), await scene.device('bert', { url: proxy.url })];
    const faults: Fault[] = ['lost', 'answer lost', 'twice', 'answer cut', 'portal', 'answer broken', 'bad gateway'];
    for (let round = 0; round < 2; round++) {
      proxy.script.push(...faults);
      for (const device of devices) for (let unit = 0; unit < 3; unit++) await device.count(newOriginatorId());
      for (const device of devices) device.exchange.attemptNow();
    }
    for (const device of devices) await device.settled();
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(12);
  },

  'a push comes once more, after the next ones': async (scene) => {
    const proxy = await scene.proxy();
    const device = await scene.device('ann', { url: proxy.url });
    const shelf = newOriginatorId();
    await device.settled();
    for (let round = 0; round < 3; round++) {
      proxy.script.push('again later', 'again later');
      await device.count(shelf);
      await device.settled();
    }
    expect(proxy.copyStatuses.length).toBeGreaterThanOrEqual(5);
    expect(new Set(proxy.copyStatuses)).toEqual(new Set([200]));
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(3);
  },

  'the server is killed before a push, and between its commit and the answer': async (scene) => {
    const { home } = scene;
    const proxy = await scene.proxy();
    const device = await scene.device('ann', { url: proxy.url });
    await device.settled();
    const shelf = newOriginatorId();
    for (const when of ['before', 'after'] as const) {
      device.exchange.setPaused(true);
      for (let unit = 0; unit < 3; unit++) await device.count(shelf);
      const killed = new Promise<void>((resolve) => {
        proxy.meanwhile = {
          when,
          work: async () => {
            await home.kill();
            resolve();
          },
        };
      });
      device.exchange.setPaused(false);
      await killed;
      await home.start();
      await device.settled();
    }
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(6);
  },

  'two devices send for one place at once': async (scene) => {
    const devices = [await scene.device('ann'), await scene.device('bert')] as const;
    for (const device of devices) await device.settled();
    const units: string[] = [];
    for (let round = 0; round < 3; round++) {
      const shelf = newOriginatorId();
      units.push(...(await Promise.all(devices.map((device) => device.count(shelf)))));
    }
    for (const device of [...devices, ...devices]) await device.settled();
    await scene.expectAgreement();
    const aside = (await Promise.all(devices.map((device) => scene.aside(device)))).flat();
    expect(aside.map(([, code]) => code)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
    const there = (await scene.log()).units.map(({ id }) => id);
    expect([...there, ...aside.map(([id]) => id)].toSorted()).toEqual(units.toSorted());
  },

  'devices record on one aggregate what commutes': async (scene) => {
    const shelf = newOriginatorId();
    const devices = [await scene.device('ann'), await scene.device('bert'), await scene.device('ann')];
    await devices[0]!.count(shelf);
    for (const device of devices) await device.settled();
    for (let unit = 0; unit < 3; unit++) await Promise.all(devices.map((device) => device.receive(shelf)));
    for (const device of [...devices, ...devices]) await device.settled();
    await scene.expectAgreement();
    const versions = (await scene.log()).units.map(({ events }) => events[0]?.originatorVersion);
    expect(versions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const device of devices) expect(await scene.aside(device)).toEqual([]);
  },

  'a unit of three aggregates conflicts on the third': async (scene) => {
    const [one, two, three] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const first = ordinary(three);
    await scene.push([first]);
    const unit = sampleUnit([one, two, three].map((id) => sampleEvent(id, 1)));
    const { status, body } = await scene.push([unit, ordinary()], 'bert');
    expect([status, body]).toMatchObject([200, { decisions: [], conflict: unit.id, head: 1 }]);
    expect((await scene.log()).units.map(({ id }) => id)).toEqual([first.id]);
    await scene.expectAgreement();
  },

  'a unit is refused in the midst of others, and one stands on it': async (scene) => {
    const refused = ofTopic(FORBIDDEN_TOPIC);
    const shelf = refused.events[0]!.originatorId;
    const [before, after, next] = [ordinary(), ordinary(), ordinary(shelf, 2, { after: [refused.id] })];
    const units = [before, refused, after, next];
    for (const sent of [units, units]) {
      const { status, body } = await scene.push(sent);
      expect([status, body.conflict]).toEqual([200, next.id]);
      expect(body.decisions?.map(([id, kind]) => [id, kind])).toEqual([
        [before.id, 'accepted'],
        [refused.id, 'rejected'],
        [after.id, 'accepted'],
      ]);
      expect(body.decisions?.[1]).toContain('NOT_ALLOWED');
    }
    expect((await scene.log()).units.map(({ id }) => id)).toEqual([before.id, after.id]);
    await scene.expectAgreement();
  },

  'somebody sends the id of another subject’s unit': async (scene) => {
    const [hers, other] = [ordinary(), ordinary()];
    await scene.push([hers]);
    const { body } = await scene.push([hers, other], 'bert');
    expect(body.decisions?.map(([id, kind, code]) => [id, kind, code])).toEqual([
      [hers.id, 'rejected', 'FORBIDDEN'],
      [other.id, 'accepted', 2],
    ]);
    expect((await scene.push([hers])).body.decisions).toEqual([[hers.id, 'accepted', 1]]);
    await scene.expectAgreement();
  },

  'a push follows one that never came': async (scene) => {
    const [first, second] = [ordinary(), ordinary()];
    const ahead = await scene.push([second], 'ann', { 'daybook-follows': first.id });
    expect(ahead.body).toMatchObject({ decisions: [], conflict: second.id, head: 0 });
    await scene.push([first]);
    const again = await scene.push([second], 'ann', { 'daybook-follows': first.id });
    expect(again.body.decisions).toEqual([[second.id, 'accepted', 2]]);
    await scene.expectAgreement();
  },

  'a copy of a store sends what its original sends': async (scene) => {
    const original = await scene.device('ann');
    await original.settled();
    original.exchange.setPaused(true);
    const shelf = newOriginatorId();
    const shared = [await original.count(shelf), await original.count(newOriginatorId())];
    const copy = original.copied();
    await scene.device('ann', { store: copy });
    original.exchange.setPaused(false);
    await Promise.all([original.settled(), copy.settled()]);
    await scene.expectAgreement();
    expect((await scene.log()).units.map(({ id }) => id).toSorted()).toEqual(shared.toSorted());
  },

  'a log is set back, and its devices bring back what it lost': async (scene) => {
    const [one, two] = [await scene.device('ann'), await scene.device('bert')];
    const shelf = newOriginatorId();
    await one.count(shelf);
    await scene.expectAgreement();
    const restore = await scene.home.backup(scene.tenant);
    await two.count(shelf);
    await two.settled();
    for (let unit = 0; unit < 3; unit++) await one.count(newOriginatorId());
    await scene.expectAgreement();
    const before = await scene.log();
    for (const { exchange } of scene.devices) exchange.setPaused(true);
    await restore();
    expect((await scene.log()).units).toHaveLength(1);
    const pending = await one.count(newOriginatorId());
    for (const { exchange } of scene.devices) exchange.setPaused(false);
    for (const device of [two, one, two]) await device.settled();
    await scene.refillBooks();
    await scene.expectAgreement();
    const ids = (await scene.log()).units.map(({ id }) => id);
    expect(ids.toSorted()).toEqual([...before.units.map(({ id }) => id), pending].toSorted());
    for (const device of scene.devices) expect(await scene.aside(device)).toEqual([]);
  },

  'a log is set back, and has gone on for others since': async (scene) => {
    const [one, two] = [await scene.device('ann'), await scene.device('bert')];
    const shelf = newOriginatorId();
    await one.count(shelf);
    await scene.expectAgreement();
    const restore = await scene.home.backup(scene.tenant);
    two.exchange.setPaused(true);
    const lost = await one.count(shelf);
    await one.count(newOriginatorId());
    await one.settled();
    if (scene.home.hasBooks) await scene.until(async () => (await scene.tenant.tables.open().head()) === 3);
    one.exchange.setPaused(true);
    await restore();
    two.exchange.setPaused(false);
    // Where the one had its second count, which nobody has any more.
    await two.count(shelf);
    await two.count(newOriginatorId());
    await two.settled();
    one.exchange.setPaused(false);
    for (const device of [one, two, one]) await device.settled();
    expect(await scene.aside(one)).toEqual([[lost, 'CONFLICT']]);
    // PostgreSQL has what the hub has lost and given to another.
    expect(await scene.refillBooks()).toBe(scene.home.name === 'hub before PostgreSQL');
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(4);
  },

  'a log is exchanged for an empty one, while units wait': async (scene) => {
    const restore = await scene.home.backup(scene.tenant);
    const one = await scene.device('ann');
    const shelf = newOriginatorId();
    for (let unit = 0; unit < 3; unit++) await one.count(shelf);
    await scene.expectAgreement();
    one.exchange.setPaused(true);
    await one.count(shelf);
    await restore();
    expect((await scene.log()).units).toEqual([]);
    one.exchange.setPaused(false);
    await one.settled();
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(4);
  },

  'what is offered was never recorded here': async (scene) => {
    const restore = await scene.home.backup(scene.tenant);
    await scene.push([ordinary(), ordinary()]);
    await scene.expectAgreement();
    const [one, two] = asLost((await scene.log()).units) as [LostUnit, LostUnit];
    await restore();
    const changed = { ...one.events[0]!, state: new TextEncoder().encode('{"forged":true}') };
    const forged = [
      { ...one, events: [changed] },
      { ...one, id: crypto.randomUUID() },
      { ...one, origin: { ...one.origin, author: 'bert' } },
      { ...one, origin: { ...one.origin, seal: two.origin.seal } },
    ];
    for (const unit of forged) {
      const answer = await scene.ask('/heal', packLostUnits([unit]), 'ann');
      expect([answer.status, await answer.json()]).toMatchObject([200, { decisions: [[unit.id, 'refused']] }]);
    }
    const sound = await scene.ask('/heal', packLostUnits([one, two]), 'bert');
    expect(await sound.json()).toMatchObject({
      decisions: [
        [one.id, 'restored'],
        [two.id, 'restored'],
      ],
    });
    await scene.expectAgreement();
  },

  'a cursor is of another log, and the newest common place is asked for': async (scene) => {
    await scene.push([ordinary()]);
    const { cursor: first } = await scene.log();
    await scene.push([ordinary()]);
    const { cursor: second } = await scene.log();
    const foreign = `1.2.${'ab'.repeat(16)}`;
    const asked = await readCode(await scene.ask('/units', { after: foreign, events: 10, bytes: 1_000 }, 'ann'));
    expect(asked).toEqual([409, 'CURSOR_UNKNOWN']);
    for (const [marks, common] of [
      [[foreign, first, second], second],
      [[foreign, first], first],
      [[foreign], CURSOR_START],
    ] as const) {
      expect(await (await scene.ask('/common', { marks }, 'ann')).json()).toEqual({ common });
    }
    await scene.expectAgreement();
  },

  'somebody may see a part, and sees another one later': async (scene) => {
    const [north, south] = [ofTopic(`${NORTH}Counted`), ordinary()];
    await scene.push([south, north]);
    const part = await scene.page(CURSOR_START, 'nora');
    expect(part.units.map(({ id }) => id)).toEqual([north.id]);
    const asked = await scene.ask('/units', { after: part.to, events: 10, bytes: 1_000 }, 'ann');
    expect(await readCode(asked)).toEqual([409, 'SCOPES_CHANGED']);
    const { body } = await scene.push([ordinary()], 'nora');
    expect(body.decisions?.[0]).toContain('OUT_OF_SCOPE');
    await scene.expectAgreement();
  },

  'a request is none, too large, of another version, or of nobody': async (scene) => {
    const ask = async (token: string, headers: Record<string, string> = {}, body: object = {}): Promise<unknown> =>
      await readCode(await scene.ask('/push', body, token, headers));
    const unit = packPendingUnits([ordinary()]);
    expect(await ask('mallory', {}, unit)).toEqual([401, 'UNAUTHORIZED']);
    expect(await ask('cleo', {}, unit)).toEqual([403, 'FORBIDDEN']);
    expect(await ask('ann', { 'daybook-protocol': '3' }, unit)).toEqual([426, 'UPGRADE_REQUIRED']);
    expect(await ask('ann', {}, unit.slice(0, -1))).toEqual([400, 'INVALID_REQUEST']);
    expect(await ask('ann', {}, packPendingUnits(pendingUnits(600)))).toEqual([413, 'TOO_LARGE']);
    expect((await scene.log()).units).toEqual([]);
  },

  'who listens hears of what others record, also after the server was killed': async (scene) => {
    const { home } = scene;
    const [one, two] = [await scene.device('ann', { isLive: true }), await scene.device('bert', { isLive: true })];
    await Promise.all([one.settled(), two.settled()]);
    const shelf = newOriginatorId();
    for (const isKilled of [true, false]) {
      const id = await one.count(shelf);
      const isThere = async (): Promise<boolean> => (await two.tab.recorder.findUnits([id]))[0]?.state === 'confirmed';
      await scene.until(isThere);
      if (!isKilled) continue;
      await home.kill();
      await home.start();
      for (const device of [one, two]) await device.settled();
    }
    await scene.expectAgreement();
  },

  'many devices come back at one moment, after the server was killed': async (scene) => {
    const { home } = scene;
    const devices = await Promise.all(Array.from({ length: 8 }, () => scene.device('ann')));
    for (const device of devices) await device.settled();
    await home.kill();
    const shelf = newOriginatorId();
    for (const device of devices) {
      await device.receive(shelf);
      await device.count(newOriginatorId());
    }
    await home.start();
    await Promise.all(devices.map((device) => device.settled()));
    await scene.expectAgreement();
    expect((await scene.log()).units).toHaveLength(16);
  },

  'another program records beside the server': async (scene) => {
    const device = await scene.device('ann');
    const shelf = newOriginatorId();
    await scene.tenant.tables.insertBeside([sampleEvent(shelf, 1)]);
    await device.settled();
    await device.count(shelf);
    await device.settled();
    await scene.expectAgreement();
    expect((await scene.log()).units.map(({ events }) => events[0]?.originatorVersion)).toEqual([1, 2]);
  },
};

async function readCode(answer: Response): Promise<readonly [status: number, code: string | undefined]> {
  const { error } = (await answer.json()) as { readonly error?: { readonly code: string } };
  return [answer.status, error?.code];
}

/** Homes in which a case is not run, and why. */
export const NOT_THERE: Readonly<Record<string, Partial<Record<HomeName, string>>>> = {
  'another program records beside the server': {
    hub: 'nothing but the object reaches its SQLite; its own application records by `hub.recorder`',
    'hub before PostgreSQL': 'what is not the hub’s in PostgreSQL stops the forwarding: `hub/forward-log.test.ts`',
  },
};

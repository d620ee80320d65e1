/**
 * What every recorder promises about units that were set aside and that somebody tries again.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import type { UnitRecorderContext } from './unit-recorder-cases.js';

type Case = ConformanceCase<UnitRecorderContext>;

const PAGE: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };
const REFUSED = { code: 'FORBIDDEN', message: 'not yours' } as const;
const PASSING = { code: 'CONFLICT', message: 'nobody has refused it' } as const;
const COMMAND = Uint8Array.of(7, 0, 255);

const underAnotherId: Case = {
  name: 'what a server has refused is known as such, and goes on under another id with what decided it',
  async run({ recorder }) {
    const originatorId = newOriginatorId();
    const [id, next, passing] = [uuidV4(), uuidV4(), uuidV4()];
    const lastId = await recorder.maxNotificationId();
    const events = [sampleEvent(originatorId, 1)];
    await recorder.insertEvents(events, { unit: { id, command: COMMAND, scopes: ['ward'] } });
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id: passing } });
    await recorder.setAside([
      { id, reason: REFUSED },
      { id: passing, reason: PASSING },
    ]);
    const aside = await recorder.selectSetAside(lastId, PAGE);
    expectEqual(
      aside.map(({ isRefused, isForeign }) => [isRefused, isForeign]),
      [
        [true, false],
        [false, false],
      ],
      'what a server has refused',
    );
    expectTrue(await recorder.decide([{ id, reason: PASSING }]), 'another reason');
    expectEqual((await recorder.selectSetAside(lastId, PAGE))[0]?.isRefused, true, 'it was refused all the same');
    expectTrue(await recorder.decide([{ id, as: next, events }]), 'decided');
    const [pending] = await recorder.selectPendingUnits(lastId, PAGE);
    expectEqual([pending?.id, pending?.scopes], [next, ['ward']], 'what is pending');
    const [was, is] = await recorder.findUnits([id, next]);
    expectEqual([was?.state, is?.state], ['withdrawn', 'pending'], 'where they stand');
    await recorder.setAside([{ id: next, reason: REFUSED }]);
    const again = (await recorder.selectSetAside(lastId, PAGE)).find((unit) => unit.id === next);
    expectEqual([[...(again?.command ?? [])], again?.attempts], [[...COMMAND], 1], 'what decided it');
  },
};

const triedBefore: Case = {
  name: 'what would go on under an id that is here was tried before: it is withdrawn, and nothing is there twice',
  async run({ recorder }) {
    const originatorId = newOriginatorId();
    const [id, next] = [uuidV4(), uuidV4()];
    const lastId = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(originatorId, 1)], { unit: { id } });
    await recorder.setAside([{ id, reason: REFUSED }]);
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id: next } });
    expectTrue(await recorder.decide([{ id, as: next, events: [sampleEvent(originatorId, 1)] }]), 'decided');
    const pending = await recorder.selectPendingUnits(lastId, PAGE);
    expectEqual(
      pending.map((unit) => unit.id),
      [next],
      'what is pending',
    );
    expectEqual(await recorder.selectSetAside(lastId, PAGE), [], 'what is set aside');
    expectEqual((await recorder.findUnits([id]))[0]?.state, 'withdrawn', 'where it stands');
  },
};

const commandsAreExchanged: Case = {
  name: 'what decides a unit is exchanged with a decision, or taken away, and how often it was decided stays',
  async run({ recorder }) {
    const id = uuidV4();
    const lastId = await recorder.maxNotificationId();
    const events = [sampleEvent(newOriginatorId(), 1)];
    const [other, none] = [Uint8Array.of(9, 9), new Uint8Array(0)];
    await recorder.insertEvents(events, { unit: { id, command: COMMAND } });
    const steps = [
      [undefined, [...COMMAND]],
      [other, [...other]],
      [undefined, [...other]],
      [none, undefined],
    ] as const;
    for (const [index, [command, kept]] of steps.entries()) {
      await recorder.setAside([{ id, reason: PASSING }]);
      expectTrue(await recorder.decide([{ id, events, ...(command === undefined ? {} : { command }) }]), 'decided');
      await recorder.setAside([{ id, reason: PASSING }]);
      const [aside] = await recorder.selectSetAside(lastId, PAGE);
      expectEqual([aside?.command && [...aside.command], aside?.attempts], [kept, 2 * index + 1], 'what is kept');
      expectTrue(await recorder.decide([{ id, events }]), 'decided once more');
    }
  },
};

const whatIsRefused: Case = {
  name: 'a decision whose id or command cannot be kept is refused, and nothing is changed',
  async run({ recorder }) {
    const id = uuidV4();
    const events = [sampleEvent(newOriginatorId(), 1)];
    await recorder.insertEvents(events, { unit: { id } });
    await recorder.setAside([{ id, reason: PASSING }]);
    const before = await recorder.syncProgress();
    const command = new Uint8Array(1_048_577);
    await expectRejection(recorder.decide([{ id, events, command }]), 'PROGRAMMING_ERROR', 'more than 1 MiB');
    await expectRejection(recorder.decide([{ id, events, as: 'next' }]), 'PROGRAMMING_ERROR', 'no id of a unit');
    expectEqual(await recorder.syncProgress(), before, 'how far the store is');
  },
};

/** The promises of a `UnitRecorder` about what is tried again by hand, to be run on every one. */
export const unitRetryCases: readonly Case[] = [underAnotherId, triedBefore, commandsAreExchanged, whatIsRefused];

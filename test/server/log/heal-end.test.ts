/** The end of the log that an offer is answered with: what is said to be there is before it, whatever happens meanwhile. */
import { expect, it, vi } from 'vitest';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { MemoryLogStorage } from '../../../src/server/log/memory-log-storage.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 100, bytesMax: 100_000 };
const someUnit = () => sampleUnit([sampleEvent(newOriginatorId(), 1)]);

/** A log that has lost a unit, and in which something happens right before its end is read for the first time. */
async function offered(meanwhile: (log: MemoryUnitLog, restore: () => void) => Promise<void> | void) {
  const log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(1)] } });
  await log.push([someUnit()], SENDER);
  const restore = log.backup();
  await log.push([someUnit()], SENDER);
  const lost = asLost((await readLog(log)).units).slice(1);
  restore();
  const standing = vi.spyOn(MemoryLogStorage.prototype, 'standing');
  standing.mockImplementationOnce(async function (this: MemoryLogStorage) {
    standing.mockRestore();
    await meanwhile(log, restore);
    return await this.standing();
  });
  return { log, lost, answer: await log.heal(lost, SENDER) };
}

it('has what was taken back, where the log was set back before its end was read', async () => {
  const { log, lost, answer } = await offered((_log, restore) => restore());
  expect(answer.decisions).toEqual([{ id: lost[0]?.id, kind: 'restored' }]);
  expect((await readLog(log)).units.map(({ id }) => id)).toContain(lost[0]?.id);
  expect(await log.page(CURSOR_START, { ...LIMITS, held: [answer.head!] })).toBeDefined();
});

it('may have what others have pushed meanwhile: a log that has lost only that is noticed, and nothing is missed', async () => {
  let before = (): void => undefined;
  const { log, lost, answer } = await offered(async (at) => {
    before = at.backup();
    await at.push([someUnit()], SENDER);
  });
  expect(answer.decisions).toEqual([{ id: lost[0]?.id, kind: 'restored' }]);
  expect(await log.page(CURSOR_START, { ...LIMITS, held: [answer.head!] })).toBeDefined();
  before();
  // As if all of it were lost: it is offered once more, and known.
  expect(await log.page(CURSOR_START, { ...LIMITS, held: [answer.head!] })).toBeUndefined();
  expect((await log.heal(lost, SENDER)).decisions).toEqual([{ id: lost[0]?.id, kind: 'known' }]);
});

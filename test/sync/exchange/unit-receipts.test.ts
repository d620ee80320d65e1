/** How far a commit has come, for who waits for it. */
import { describe, expect, it, vi } from 'vitest';
import { SUPERSEDED } from '../../../src/persistence/unit-recorder.js';
import { UnitReceipts } from '../../../src/sync/exchange/unit-receipts.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import { NaiveUnits } from '../../support/naive-units.js';
import { makeEvents } from '../../support/stored-events.js';

async function open(isDecidedAgain = false) {
  const recorder = new NaiveUnits();
  let acceptedUpTo = 0;
  const findUnits = vi.spyOn(recorder, 'findUnits');
  const receipts = new UnitReceipts({ recorder, acceptedUpTo: () => acceptedUpTo, isDecidedAgain });
  const log = await LogPages.after(recorder);
  const record = async (id = crypto.randomUUID()) => {
    const events = makeEvents(1);
    const place = recorder.record(events, { id }).firstId;
    receipts.noteNews();
    return { id, events, place };
  };
  return {
    recorder,
    receipts,
    findUnits,
    log,
    record,
    accept: (place: number): void => {
      acceptedUpTo = place;
      receipts.noteNews();
    },
  };
}

/** What of a promise is known after everything that is under way. */
async function soFar(promise: Promise<unknown>): Promise<unknown> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return await Promise.race([promise, Promise.resolve('waiting')]);
}

describe('a receipt', () => {
  it('comes when the device, the server, and the log of the server have it', async () => {
    const { recorder, receipts, log, record, accept } = await open();
    const { id, events, place } = await record();
    const receipt = receipts.of(place);
    expect(await receipt.persisted()).toMatchObject({ id, state: 'pending', firstNotificationId: place });
    const [pushed, confirmed] = [receipt.pushed(), receipt.confirmed()];
    expect(await soFar(pushed)).toBe('waiting');
    accept(place);
    expect(await pushed).toMatchObject({ id, state: 'pending' });
    expect(await soFar(confirmed)).toBe('waiting');
    const page = log.next({ id, events });
    await recorder.insertPage(page);
    receipts.noteNews();
    expect(await confirmed).toMatchObject({ id, state: 'confirmed', position: page.position });
    expect(await receipts.of(id).pushed()).toMatchObject({ state: 'confirmed' });
  });

  it('of a unit that is not recorded yet waits for it', async () => {
    const { receipts, record } = await open();
    const id = crypto.randomUUID();
    const persisted = receipts.of(id).persisted();
    expect(await soFar(persisted)).toBe('waiting');
    await record(id);
    expect(await persisted).toMatchObject({ id });
  });

  it('of what was set aside says why, and of what comes back is given all the same', async () => {
    const { recorder, receipts, log, record } = await open();
    const { id, events } = await record();
    const receipt = receipts.of(id);
    const [pushed, confirmed] = [receipt.pushed(), receipt.confirmed()];
    const refused = expect(pushed).rejects.toMatchObject({
      code: 'SET_ASIDE',
      message: 'The unit was set aside: not yours. Nothing of it is lost.',
      details: { unitId: id, reason: 'FORBIDDEN' },
    });
    const alike = expect(confirmed).rejects.toMatchObject({ code: 'SET_ASIDE' });
    await recorder.setAside([{ id, reason: { code: 'FORBIDDEN', message: 'not yours.' } }]);
    receipts.noteNews();
    await refused;
    await alike;
    expect(await receipt.persisted()).toMatchObject({ state: 'setAside' });
    await recorder.insertPage(log.next({ id, events }));
    expect(await receipt.confirmed()).toMatchObject({ state: 'confirmed' });
  });

  it('of what the server has lost comes when it has it again', async () => {
    const { recorder, receipts, log, record, accept } = await open();
    const { id, events, place } = await record();
    await recorder.insertPage(log.next({ id, events }));
    await recorder.rewind('0');
    accept(place);
    const [pushed, confirmed] = [receipts.of(id).pushed(), receipts.of(id).confirmed()];
    expect(await soFar(pushed)).toBe('waiting');
    const { rewinds } = await recorder.syncProgress();
    await recorder.endHeal({ rewinds, refused: [] });
    receipts.noteNews();
    expect(await pushed).toMatchObject({ state: 'pending' });
    const again = await LogPages.after(recorder);
    await recorder.insertPage(again.next({ id, events }));
    receipts.noteNews();
    expect(await confirmed).toMatchObject({ state: 'confirmed' });
  });

  it('of what gave way is waited for where somebody decides it again, and nowhere else', async () => {
    for (const isDecidedAgain of [true, false]) {
      const { recorder, receipts, record } = await open(isDecidedAgain);
      const { id } = await record();
      await recorder.setAside([{ id, reason: { code: SUPERSEDED, message: 'Another event stands in its place.' } }]);
      receipts.noteNews();
      const confirmed = receipts.of(id).confirmed();
      if (isDecidedAgain) {
        expect(await soFar(confirmed)).toBe('waiting');
        await recorder.decide([{ id, events: makeEvents(1) }]);
        receipts.noteNews();
        expect(await soFar(confirmed)).toBe('waiting');
        await recorder.setAside([{ id, reason: { code: 'NO', message: 'Not any more.' } }]);
        receipts.noteNews();
      }
      await expect(confirmed).rejects.toMatchObject({ code: 'SET_ASIDE' });
    }
  });

  it('is not waited for any longer than the caller wants, and not after the end', async () => {
    const { receipts, record } = await open();
    const { id } = await record();
    const end = new AbortController();
    const given = expect(receipts.of(id).confirmed({ signal: end.signal })).rejects.toBe('enough');
    const left = expect(receipts.of(id).confirmed()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    end.abort('enough');
    await given;
    expect(receipts.isAwaited).toBe(true);
    receipts.close();
    await left;
    expect(receipts.isAwaited).toBe(false);
    await expect(receipts.of(id).persisted()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await expect(receipts.of(id).persisted({ signal: AbortSignal.abort('x') })).rejects.toBeDefined();
  });

  it('of 2,500 at once takes three looks, and none when nobody waits', async () => {
    const { receipts, record, findUnits, accept } = await open();
    const { place } = await record();
    accept(0);
    expect(findUnits).not.toHaveBeenCalled();
    const all = Array.from({ length: 2_500 }, () => receipts.of(place).pushed());
    await soFar(Promise.all(all));
    findUnits.mockClear();
    accept(place);
    await Promise.all(all);
    expect(findUnits).toHaveBeenCalledTimes(3);
    accept(place);
    expect(findUnits).toHaveBeenCalledTimes(3);
  });

  it('passes on that the store cannot be read', async () => {
    const { receipts, record, findUnits } = await open();
    const { id } = await record();
    findUnits.mockRejectedValue(new Error('closed'));
    await expect(receipts.of(id).confirmed()).rejects.toThrow('closed');
  });

  it.each(['x', 0, -1, 1.5, Number.NaN])('is refused for %s, which is no id', async (key) => {
    const { receipts } = await open();
    expect(() => receipts.of(key)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
  });
});

/** What tabs tell each other of how sync stands: the last of what changes again and again, and nothing that others wait for. */
import { expect, onTestFinished, test } from 'vitest';
import { syncChannelName } from '../../../src/origin/origin-names.js';
import { INITIAL_SYNC_STATUS } from '../../../src/sync/sync-status.js';
import { SyncChannel } from '../../../src/sync/tabs/sync-channel.js';
import { ManualClock } from '../../support/manual-clock.js';

const NOBODY = { onStatus: () => undefined, onCommand: () => undefined, onQuestion: () => undefined };

function open() {
  const name = crypto.randomUUID();
  const clock = new ManualClock();
  const heard: string[] = [];
  const ear = new BroadcastChannel(syncChannelName(name));
  ear.onmessage = (event) => {
    const { kind, status } = (event as unknown as MessageEvent<{ kind: string; status?: { position: number } }>).data;
    heard.push(status === undefined ? kind : String(status.position));
  };
  const channel = new SyncChannel(name, NOBODY, clock);
  onTestFinished(() => {
    channel.close();
    ear.close();
  });
  return {
    clock,
    heard,
    channel,
    tell: (position: number) => channel.postStatus({ ...INITIAL_SYNC_STATUS, position }),
  };
}

test('says how it stands in the next task, and of what has changed in one the last, and a command at once', async () => {
  const { clock, heard, channel, tell } = open();
  tell(1);
  tell(2);
  channel.postCommand('pause');
  clock.advance(0);
  await expect.poll(() => heard).toEqual(['command', '2']);
  tell(3);
  channel.postQuestion(0);
  clock.advance(0);
  await expect.poll(() => heard).toEqual(['command', '2', 'question', '3']);
});

test('says what is left when it is told to, and when it is closed, and nothing afterwards', async () => {
  const { clock, heard, channel, tell } = open();
  tell(1);
  channel.flush();
  channel.flush();
  tell(2);
  channel.close();
  tell(3);
  clock.advance(100);
  await expect.poll(() => heard).toEqual(['1', '2']);
});

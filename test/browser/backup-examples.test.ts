import { deleteDaybook } from 'daybook';
import { newOriginatorId, sampleEvents } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { downloadBackup } from '../../examples/backup/download-backup.js';
import { restoreBackup } from '../../examples/backup/restore-backup.js';
import { newStoreName, openStore } from './open-store.js';

test('what the documentation shows: a download, and the way back', async () => {
  const daybook = await openStore(newStoreName());
  await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
  const links: HTMLAnchorElement[] = [];
  const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    links.push(this);
  });
  onTestFinished(() => click.mockRestore());
  await downloadBackup(daybook, '2026-11-21');
  const [link] = links;
  expect(link?.download).toBe(`${daybook.name}-2026-11-21.daybook`);
  const file = await (await fetch(link?.href ?? '')).blob();

  const name = newStoreName();
  const percents: number[] = [];
  const restored = await restoreBackup(name, file, (percent) => percents.push(percent));
  if (typeof restored === 'string') throw new Error(restored);
  onTestFinished(async () => {
    await restored.close();
    await deleteDaybook(name, { evenIfUnsynced: true });
  });
  expect(percents.at(-1)).toBe(100);
  expect(await restored.recorder.maxNotificationId()).toBe(3);
  expect(await restoreBackup(name, file, () => undefined)).toContain('data in this browser already');
  expect(await restoreBackup(newStoreName(), file.slice(0, -1), () => undefined)).toContain('not complete');
});

import { expect, it } from 'vitest';
import { guideStep } from '../../demo/device-report.js';
import type { DeviceReport, GuideStep } from '../../demo/device-report.js';

const ONLINE: DeviceReport = {
  ...{ device: 'side-ana', workOffline: false, pendingSkus: [], decidedAgain: 0, setAside: 0, position: 0 },
};
const OFFLINE = { ...ONLINE, workOffline: true };
const counted = (...pendingSkus: readonly string[]): DeviceReport => ({ ...OFFLINE, pendingSkus });

it.each<[string, readonly DeviceReport[], GuideStep]>([
  ['nobody has said anything', [], 'part'],
  ['one has not said anything', [OFFLINE], 'part'],
  ['both are online', [ONLINE, ONLINE], 'part'],
  ['one is online, and nothing was counted', [OFFLINE, ONLINE], 'part'],
  ['both are offline', [OFFLINE, OFFLINE], 'count'],
  ['one has counted', [counted('a'), OFFLINE], 'count'],
  ['they have counted different items', [counted('a'), counted('b', 'c')], 'count'],
  ['they have counted the same item', [counted('a', 'b'), counted('c', 'b')], 'return'],
  ['one of them is back', [ONLINE, counted('b')], 'return'],
  ['something was decided again', [ONLINE, { ...ONLINE, decidedAgain: 1 }], 'see'],
  ['something was set aside', [{ ...ONLINE, setAside: 1 }, ONLINE], 'see'],
  ['they part once more before somebody has looked', [{ ...OFFLINE, setAside: 1 }, OFFLINE], 'count'],
])('the guide, when %s', (_when, reports, step) => {
  expect(guideStep(reports)).toBe(step);
});

import type { JSX } from 'preact';
import { deviceHue, initialsOf } from '../plain-words.js';
import type { Counter } from '../stock-events.js';

/** Parts of {@link DeviceAvatar}. */
export interface DeviceAvatarProps {
  readonly by: Counter | undefined;
}

/** Tells devices apart at a glance. Says nothing to a screen reader: the name beside it does. */
export function DeviceAvatar({ by }: DeviceAvatarProps): JSX.Element {
  return (
    <span class="avatar" aria-hidden="true" data-hue={by === undefined ? undefined : deviceHue(by.deviceId)}>
      {by === undefined ? '?' : initialsOf(by.name)}
    </span>
  );
}

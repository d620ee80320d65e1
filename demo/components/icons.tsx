import type { JSX } from 'preact';

const PATHS = {
  check: 'm5 12.5 4.5 4.5L19 7.5',
  device: 'M8 3h8a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm3 15h2',
  books: 'M6 4h11a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H6zm0 0v16M10 9h4.5M10 13h4.5',
  shelf: 'M4 4v16M20 4v16M4 10h16M4 18h16M8 6.5h3V10H8zm5 7.5h3v4h-3z',
  minus: 'M6 12h12',
  plus: 'M6 12h12M12 6v12',
  noNetwork: 'M4 4l16 16M5 12.6a10 10 0 0 1 3.4-2.3M12 9.1a10 10 0 0 1 7 3.5M8.4 16a5 5 0 0 1 6.8-.4M12 19.5h.01',
  again: 'M19.5 12a7.5 7.5 0 1 1-2.3-5.4L19.5 9M19.5 4v5h-5',
  close: 'M6 6l12 12M18 6 6 18',
  twoDevices:
    'M4 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zm11 0h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM6 17h1m10 0h1',
  forward: 'm9.5 5 7 7-7 7',
  counts: 'M9 5h11M9 12h11M9 19h11M4 5h.01M4 12h.01M4 19h.01',
  aside: 'M12 3v18M4 7h4M4 12h4M4 17h4M16 8l4 4-4 4M20 12h-4',
  pencil: 'M4 20l.8-4L16 4.8a1.7 1.7 0 0 1 2.4 0l.8.8a1.7 1.7 0 0 1 0 2.4L8 19.2zM14 7l3 3',
  warning: 'M12 4 2.8 19.5h18.4zM12 10v4.5m0 2.6h.01',
} as const;

/** Parts of {@link Icon}. */
export interface IconProps {
  readonly name: keyof typeof PATHS;
}

/** A line drawing in the colour of the text. Says nothing to a screen reader: the words beside it do. */
export function Icon({ name }: IconProps): JSX.Element {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} pathLength="1" />
    </svg>
  );
}

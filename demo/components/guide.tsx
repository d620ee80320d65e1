import type { JSX } from 'preact';
import type { GuideStep } from '../device-report.js';

/** Parts of {@link Guide}. */
export interface GuideProps {
  readonly step: GuideStep;
}

const STEPS: readonly { readonly step: GuideStep; readonly title: string; readonly words: string }[] = [
  { step: 'part', title: 'Take both offline', words: 'Switch “Work offline” on, on both devices.' },
  {
    step: 'count',
    title: 'Count the same item',
    words: 'Differently: press + on one, and type a number on the other.',
  },
  {
    step: 'return',
    title: 'Come back',
    words: 'Switch both back, one after the other.',
  },
  {
    step: 'see',
    title: 'See what was decided',
    words: 'What came second is decided again, or waits for its person.',
  },
];

/** How to cause a conflict, in four steps, and which of them is next. */
export function Guide({ step }: GuideProps): JSX.Element {
  const current = STEPS.findIndex((one) => one.step === step);
  return (
    <ol class="guide" aria-label="What to do" data-testid="guide" data-step={step}>
      {STEPS.map(({ title, words, ...one }, index) => (
        <li
          key={one.step}
          aria-current={index === current ? 'step' : undefined}
          data-number={index + 1}
          data-done={index < current}
        >
          <b>{title}</b>
          <span>{words}</span>
        </li>
      ))}
    </ol>
  );
}

import type { JSX } from 'preact';
import { Icon } from './icons.js';
import type { IconProps } from './icons.js';

/** The parts of the page that a narrow screen shows one at a time. */
export type Section = 'count' | 'events' | 'books';

const SECTIONS: readonly { readonly section: Section; readonly name: string; readonly icon: IconProps['name'] }[] = [
  { section: 'count', name: 'Shelves', icon: 'shelf' },
  { section: 'events', name: 'Counts', icon: 'counts' },
  { section: 'books', name: 'The books', icon: 'books' },
];

/** Parts of {@link SectionTabs}. */
export interface SectionTabsProps {
  readonly section: Section;
  /** Whether the books are shown here. */
  readonly hasBooks: boolean;
  readonly choose: (section: Section) => void;
  /** Items that have to be counted again. */
  readonly recounts: number;
  /** Entries on this device that are to be sent. */
  readonly pending: number | undefined;
  /** Items that wait for a decision. */
  readonly setAside: number;
  /** Counts that were decided again, and that nobody has looked at. */
  readonly decidedAgain: number;
  /** Entries in the books, as far as known. */
  readonly booksTotal: number | undefined;
}

/** The way between the sections on a narrow screen; not to be seen on a wide one. */
export function SectionTabs(props: SectionTabsProps): JSX.Element {
  const { section, hasBooks, choose, recounts, pending, setAside, decidedAgain, booksTotal } = props;
  const figures: Readonly<Record<Section, number>> = {
    count: recounts,
    events: setAside + decidedAgain || (pending ?? 0),
    books: booksTotal ?? 0,
  };
  return (
    <nav class="tabs" aria-label="Sections">
      {SECTIONS.filter((tab) => hasBooks || tab.section !== 'books').map((tab) => (
        <button
          key={tab.section}
          type="button"
          aria-current={tab.section === section ? 'page' : undefined}
          onClick={() => {
            choose(tab.section);
            scrollTo({ top: 0 });
          }}
        >
          <span class="tab-mark">
            <Icon name={tab.icon} />
            {figures[tab.section] > 0 && (
              <span class="tab-figure" data-section={tab.section} data-aside={tab.section === 'events' && setAside > 0}>
                {figures[tab.section].toLocaleString()}
              </span>
            )}
          </span>
          {tab.name}
        </button>
      ))}
    </nav>
  );
}

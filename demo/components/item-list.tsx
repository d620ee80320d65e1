import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { AISLES } from '../stock-items.js';
import type { ItemCount } from '../stock-sheet.js';
import { CounterName } from './counter-name.js';
import { Icon } from './icons.js';
import { ItemRow } from './item-row.js';
import { RecountList, RECOUNTS_ID } from './recount-list.js';
import { useOfflineReady } from './use-offline-ready.js';

/** Parts of {@link ItemList}. */
export interface ItemListProps {
  readonly counts: readonly ItemCount[];
  readonly deviceId: string;
  /** News from others has later ids than this. */
  readonly openedAtId: number;
  readonly counterName: string;
  readonly changeName: (name: string) => void;
  readonly goTo: (sku: string) => void;
  readonly step: (sku: string, change: number) => void;
  readonly enter: (sku: string, quantity: number) => void;
}

/**
 * The shelves, aisle by aisle. Nothing comes or goes above them while somebody counts: a list that moves loses the click
 * that is on its way.
 */
export function ItemList(props: ItemListProps): JSX.Element {
  const { counts, deviceId, openedAtId, goTo, step, enter } = props;
  const offlineReady = useOfflineReady();
  const counted = counts.filter(({ countedAt }) => countedAt !== undefined).length;
  const doubtful = counts.filter(({ recount }) => recount !== undefined).length;
  const [isFirstVisit] = useState(counted === 0);
  return (
    <section class="panel panel-count" aria-labelledby="count-title">
      <header class="panel-header">
        <h2 id="count-title">Shelves</h2>
        <p class="panel-figure" data-testid="items-counted">
          {counted} of {counts.length} items counted
          {doubtful > 0 && (
            <>
              , <a href={`#${RECOUNTS_ID}`}>{doubtful} to recount</a>
            </>
          )}
        </p>
        <CounterName name={props.counterName} change={props.changeName} />
        <progress class="count-progress" value={counted} max={counts.length} aria-labelledby="count-title" />
      </header>
      <div class="panel-body">
        {isFirstVisit && (
          <p class="guidance">
            Walk the shelves and set each quantity with − and +, or type it in. Every count is kept on this device at
            once, with or without a network, and shown to everybody who counts as soon as there is one.
          </p>
        )}
        {AISLES.map((aisle) => (
          <section key={aisle.letter} class="aisle" aria-labelledby={`aisle-${aisle.letter}`}>
            <h3 id={`aisle-${aisle.letter}`}>
              Aisle {aisle.letter} <span>{aisle.name}</span>
            </h3>
            <ul class="items">
              {counts
                .filter(({ item }) => item.shelf.startsWith(aisle.letter))
                .map((count) => (
                  <ItemRow
                    key={count.item.sku}
                    count={count}
                    deviceId={deviceId}
                    isNews={count.lastId > openedAtId && count.countedBy?.deviceId !== deviceId}
                    step={(change) => step(count.item.sku, change)}
                    enter={(quantity) => enter(count.item.sku, quantity)}
                  />
                ))}
            </ul>
          </section>
        ))}
        <RecountList counts={counts} goTo={goTo} />
        {offlineReady && (
          <p class="offline-ready" data-testid="offline-ready">
            <Icon name="check" />
            This page also opens without a network.
          </p>
        )}
      </div>
    </section>
  );
}

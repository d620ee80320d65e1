import type { JSX } from 'preact';
import type { DecidedAgain } from '../decided-again.js';
import { actText, decidedAgainSentence, meanwhileOf, nameText } from '../plain-words.js';
import type { StockEntry } from '../stock-entries.js';
import { Icon } from './icons.js';

/** Parts of {@link DecidedAgainList}. */
export interface DecidedAgainListProps {
  readonly decidedAgain: readonly DecidedAgain[];
  /** Takes that the person has seen them. */
  readonly dismiss: (unitIds: readonly string[]) => void;
}

/** What was decided again because others were first; nothing to be seen while there is nothing. */
export function DecidedAgainList({ decidedAgain, dismiss }: DecidedAgainListProps): JSX.Element {
  return (
    // Always there, because a screen reader tells only of what changes in a place that it knows.
    <div aria-live="polite">
      {decidedAgain.length > 0 && (
        <section class="again-list" aria-labelledby="again-title" data-testid="decided-again">
          <header>
            <h3 id="again-title">
              <Icon name="again" />
              Decided again
            </h3>
            {decidedAgain.length > 1 && (
              <button
                type="button"
                class="aside-go"
                data-testid="dismiss-all"
                onClick={() => dismiss(decidedAgain.map(({ unitId }) => unitId))}
              >
                Dismiss all
              </button>
            )}
          </header>
          <ul>
            {decidedAgain.map((card) => (
              <DecidedAgainCard key={card.unitId} card={card} dismiss={() => dismiss([card.unitId])} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function DecidedAgainCard({
  card,
  dismiss,
}: {
  readonly card: DecidedAgain;
  readonly dismiss: () => void;
}): JSX.Element {
  const { before, others, after, outcome } = card;
  return (
    <li class="again-item" data-testid="decided-again-card" data-sku={before.sku} data-outcome={outcome}>
      <p class="aside-head">
        <span class="aside-name">{nameText(before.name)}</span>
        <button type="button" class="again-dismiss" data-testid="dismiss" onClick={dismiss}>
          <Icon name="close" />
          <span class="sr-only">Dismiss what is said of {before.name}</span>
        </button>
      </p>
      <dl class="again-steps">
        <Step name="You had decided" act={actText(before)} entry={before} />
        {meanwhileOf(others).map(({ who, act, ...quantities }, index) => (
          <Step key={index} name={`${who}, meanwhile`} act={act} entry={quantities} />
        ))}
        <Step name="Decided now" act={after === undefined ? 'nothing' : actText(after)} entry={after} isNow />
      </dl>
      <p class="aside-reason">{decidedAgainSentence(card)}</p>
    </li>
  );
}

interface StepProps {
  readonly name: string;
  readonly act: string;
  readonly entry: Quantities | StockEntry | undefined;
  readonly isNow?: boolean;
}

interface Quantities {
  readonly previousQuantity: number;
  readonly quantity: number;
}

function Step({ name, act, entry, isNow = false }: StepProps): JSX.Element {
  const hasQuantities = entry !== undefined && 'previousQuantity' in entry;
  return (
    <div data-now={isNow}>
      <dt>{name}</dt>
      <dd class="again-act">{act}</dd>
      <dd class="again-quantities">
        {hasQuantities && (
          <>
            {entry.previousQuantity.toLocaleString()} → <b>{entry.quantity.toLocaleString()}</b>
          </>
        )}
      </dd>
    </div>
  );
}

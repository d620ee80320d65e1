import type { TargetedEvent } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { QUANTITY_MAX } from '../stock-item-decider.js';

/** A quantity while it is being typed. */
export interface QuantityDraft {
  /** Whether the field has the focus, or holds something that is not saved. */
  readonly editing: boolean;
  /** What was typed; undefined when it is what was counted. */
  readonly text: string | undefined;
  /** What was typed or counted, as a number; undefined when it is none that can be saved. */
  readonly quantity: number | undefined;
  readonly save: () => void;
  /** Counts one step from what was typed, or from the last count. */
  readonly stepBy: (change: number, step: (change: number) => void) => void;
  readonly inputHandlers: {
    readonly onFocus: (event: TargetedEvent<HTMLInputElement>) => void;
    readonly onBlur: () => void;
    readonly onInput: (event: TargetedEvent<HTMLInputElement>) => void;
    readonly onKeyDown: (event: TargetedEvent<HTMLInputElement, KeyboardEvent>) => void;
  };
}

/** Keeps what is typed apart from what was counted, until it is saved or given up. */
export function useQuantityDraft(counted: number, enter: (quantity: number) => void): QuantityDraft {
  const [text, setText] = useState<string | undefined>(undefined);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement | null>(null);
  const quantity = text === undefined ? counted : readQuantity(text);
  const close = (): void => {
    setText(undefined);
    input.current?.blur();
  };
  const save = (): void => {
    if (quantity === undefined) return;
    enter(quantity);
    close();
  };
  return {
    editing: focused || text !== undefined,
    text,
    quantity,
    save,
    stepBy: (change, step) => {
      if (text === undefined) step(change);
      else if (quantity !== undefined) enter(Math.min(Math.max(quantity + change, 0), QUANTITY_MAX));
      setText(undefined);
    },
    inputHandlers: {
      onFocus: ({ currentTarget }) => {
        input.current = currentTarget;
        setFocused(true);
        currentTarget.select();
      },
      onBlur: () => setFocused(false),
      onInput: ({ currentTarget }) => setText(currentTarget.value),
      onKeyDown: (event) => {
        if (event.key === 'Enter') save();
        if (event.key === 'Escape') close();
      },
    },
  };
}

function readQuantity(text: string): number | undefined {
  const digits = text.trim();
  if (!/^\d{1,6}$/.test(digits)) return undefined;
  const quantity = Number(digits);
  return quantity <= QUANTITY_MAX ? quantity : undefined;
}

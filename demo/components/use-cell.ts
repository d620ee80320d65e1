import { useLayoutEffect, useState } from 'preact/hooks';
import type { ReadableCell } from '../state-cell.js';

/** The current value of a cell; draws the component again when it changes. */
export function useCell<T>(cell: ReadableCell<T>): T {
  const [value, setValue] = useState(cell.value);
  useLayoutEffect(() => cell.subscribe((next) => setValue(() => next)), [cell]);
  return value;
}

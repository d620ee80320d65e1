/**
 * Ids that are the same in every run of a test.
 *
 * @module
 */

// Twelve hexadecimal digits of a UUID count; a test makes fewer.
const COUNTING_DIGITS = 12;
const SERIES_DIGITS = 8;

/**
 * Makes ids one after the other: `00000000-0000-7000-8000-000000000001` and so on. They are UUIDs of version 7, and sort
 * in the order in which they were made.
 *
 * @param series - tells the ids of one source from another's: 0 to 4,294,967,295. @defaultValue 0
 */
export function sequentialIds(series: number = 0): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${hex(series, SERIES_DIGITS)}-0000-7000-8000-${hex(count, COUNTING_DIGITS)}`;
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

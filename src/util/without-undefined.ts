/** A copy without the keys whose values are `undefined`: what JSON has no word for is left out. */
export function withoutUndefined<T extends object>(values: T): Partial<T> {
  const copy: Partial<T> = {};
  // By a loop, and not by a list of entries: every event that is read passes here.
  for (const key of Object.keys(values) as (keyof T)[]) {
    if (values[key] !== undefined) copy[key] = values[key];
  }
  return copy;
}

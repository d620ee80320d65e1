import type { Observable } from 'daybook';
import { useLayoutEffect, useState } from 'preact/hooks';

/** The present value of an observable; draws the component again when it changes. */
export function useObservable<T>({ subscribe, value: initial }: Observable<T>): T {
  const [value, setValue] = useState(initial);
  useLayoutEffect(() => subscribe((next) => setValue(() => next)), [subscribe]);
  return value;
}

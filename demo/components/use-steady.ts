import { useEffect, useState } from 'preact/hooks';

/** A value, once it has been the same for a while; at once where `afterMs` is 0. */
export function useSteady<T>(value: T, afterMs: number): T {
  const [steady, setSteady] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSteady(() => value), afterMs);
    return () => clearTimeout(timer);
  }, [value, afterMs]);
  return afterMs === 0 ? value : steady;
}

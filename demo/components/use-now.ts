import { useEffect, useState } from 'preact/hooks';

const TICK_MS = 1_000;

/** Milliseconds since the epoch, told anew each second while it is `running`. */
export function useNowMs(running: boolean): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return undefined;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  return nowMs;
}

import { useEffect, useState } from 'preact/hooks';

/** Whether the service worker holds the whole page, so that it opens without a network. */
export function useOfflineReady(): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    // Absent in insecure contexts and some private windows: there it never becomes ready.
    const container = (navigator as Partial<Navigator>).serviceWorker;
    // It is active only after every file was stored.
    void container?.ready.then(() => setReady(true));
  }, []);
  return ready;
}

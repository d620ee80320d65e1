import { proxy } from 'comlink';
import { ChangeNews } from '../persistence/store-changes.js';
import type { ChangeSource } from '../persistence/store-changes.js';
import type { WorkerLink } from './worker-link.js';

const feeds = new WeakMap<WorkerLink, ChangeSource>();

/** What is written in the store at the other end of a link; one for all who ask. */
export function changesBehind(link: WorkerLink): ChangeSource {
  const known = feeds.get(link);
  if (known !== undefined) return known;
  const feed = new ChangeNews();
  feeds.set(link, feed);
  if (link.refusal !== undefined) feed.end(link.refusal);
  link.onRefused((error) => feed.end(error));
  // It fails when the link does, which is told of as that.
  link.call((host) => host.onChanged(proxy((changes) => feed.noteChanged(changes)))).catch(() => undefined);
  return feed;
}

import { Listeners } from '../../util/listeners.js';

/** Listeners of an outbox: called when there is something to publish. */
export class OutboxHints extends Listeners {
  /** Calls every listener. Throws nothing: what there is to publish is stored, whoever fails to hear of it. */
  give(): void {
    this.tell();
  }
}

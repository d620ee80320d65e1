/**
 * A device without a store: the client's transport, its way to push, its stream of heads and its waits, and of what it holds only how much
 * that is. A thousand of them fit into a process.
 *
 * @module
 */
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { UnitLimits } from '../../src/persistence/unit-recorder.js';
import type { Cursor, PendingUnit, UnitPage } from '../../src/persistence/unit.js';
import { AttemptTimes } from '../../src/sync/exchange/attempt-times.js';
import { HeadStream } from '../../src/sync/exchange/head-stream.js';
import { HttpTransport } from '../../src/sync/exchange/http-transport.js';
import { ServerLine } from '../../src/sync/exchange/server-line.js';
import { PushesAhead } from '../../src/sync/exchange/pushes-ahead.js';
import { SendSize } from '../../src/sync/exchange/send-size.js';
import { UnavailableError } from '../../src/sync/protocol/index.js';
import { systemClock } from '../../src/util/clock.js';
import { pause } from '../../src/util/pause.js';

// As a device asks for that has nothing to be careful of.
const PAGE_BYTES = 1_048_576;

/** What became of the requests of devices. */
export interface LoadCounts {
  /** That had to be sent again. */
  repeated: number;
  streamsOpened: number;
}

/** One device. */
export class LightDevice {
  readonly #transport: HttpTransport;
  readonly #pushes: PushesAhead;
  readonly #times = new AttemptTimes(systemClock, Math.random);
  readonly #stop = new AbortController();
  readonly #counts: LoadCounts;
  readonly #heads = new Set<(head: number) => void>();
  #cursor: Cursor = CURSOR_START;
  #head = 0;
  /** Up to where it has the log. */
  position = 0;
  isLive = false;

  /** @param other - whose place in the log it has; otherwise it holds nothing yet */
  constructor(url: string, name: string, counts: LoadCounts, other?: LightDevice) {
    this.#counts = counts;
    if (other !== undefined) [this.#cursor, this.position] = [other.#cursor, other.position];
    this.#transport = new HttpTransport({
      url,
      replicaId: crypto.randomUUID(),
      // Whoever the token names is a subject of its own, as users are.
      getToken: () => name,
      fetch: globalThis.fetch,
      clock: systemClock,
    });
    this.#pushes = new PushesAhead({
      transport: this.#transport,
      size: new SendSize(systemClock),
      clock: systemClock,
    });
  }

  /** Keeps a stream open until `close`. */
  listen(): void {
    const server = new ServerLine(this.#transport, systemClock);
    const stream = new HeadStream({
      open: (signal) => {
        this.#counts.streamsOpened++;
        return server.open(signal);
      },
      onHead: (head = 0) => this.#hear(head),
      onPage: (page) => {
        if (page.from === this.#cursor) this.#take(page);
        this.#hear(page.head);
      },
      onLive: (isLive) => (this.isLive = isLive),
      clock: systemClock,
      random: Math.random,
    });
    void stream.run(this.#stop.signal);
  }

  #hear(head: number): void {
    this.#head = Math.max(head, this.#head);
    for (const told of this.#heads) told(head);
  }

  /** Stores nothing; but where it stands counts. A page that was on its way while another one came is passed over. */
  #take({ to, position }: UnitPage): void {
    if (position >= this.position) [this.#cursor, this.position] = [to, position];
  }

  /** Resolves when the stream has named this head, or a later one. */
  async heard(head: number): Promise<void> {
    if (this.#head >= head) return;
    await new Promise<void>((resolve) => {
      const told = (next: number): void => {
        if (next < head) return;
        this.#heads.delete(told);
        resolve();
      };
      this.#heads.add(told);
    });
  }

  /** Sends all, as the client does. @param units - by their local ids @returns the head that was named last */
  async push(units: readonly PendingUnit[]): Promise<number> {
    let [head, done] = [0, 0];
    for (;;) {
      const read = async (after: number, limits: UnitLimits): Promise<readonly PendingUnit[]> =>
        nextUnits(units, after, limits);
      const pushed = await this.#again(() => this.#pushes.next(read, done, this.#stop.signal));
      if (pushed === undefined) return head;
      const { answer } = pushed;
      if (answer instanceof Error) throw answer;
      if (!answer.decisions.every(({ kind }) => kind === 'accepted')) throw new Error('A unit was refused for good.');
      if (answer.conflict !== undefined && !pushed.isAhead)
        throw new Error('There is a conflict, where there is none.');
      const last = pushed.units[answer.decisions.length - 1];
      if (last !== undefined) done = endOf(last);
      head = answer.head;
    }
  }

  /** Reads pages until it has the log up to a head. */
  async pull(head: number): Promise<void> {
    do {
      const limits = { eventsMax: this.#transport.limits.events, bytesMax: PAGE_BYTES };
      const page = await this.#again(() => this.#transport.page(this.#cursor, limits, this.#stop.signal));
      this.#take(page);
    } while (this.position < head);
  }

  /** Resolves when it has the log up to a head: as it came on the stream, or asked for. */
  async follow(head: number): Promise<void> {
    await this.heard(head);
    if (this.position < head) await this.pull(head);
  }

  close(): void {
    this.#stop.abort();
  }

  /** Sends again what may be sent again, when the client would. */
  async #again<T>(request: () => Promise<T>): Promise<T> {
    for (;;) {
      this.#times.began();
      try {
        const answer = await request();
        this.#times.succeeded();
        return answer;
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        this.#counts.repeated++;
        const asked = error.details['retryAfterMs'];
        this.#times.failed(false, typeof asked === 'number' ? asked : undefined);
        await pause(systemClock, this.#times.waitMs, this.#stop.signal);
      }
    }
  }
}

/** As a store selects them: up to the limits, and one at least. */
function nextUnits(
  units: readonly PendingUnit[],
  after: number,
  { eventsMax, bytesMax }: UnitLimits,
): readonly PendingUnit[] {
  const from = firstAfter(units, after);
  let [events, bytes, end] = [0, 0, from];
  for (; end < units.length; end++) {
    const unit = units[end] as PendingUnit;
    events += unit.events.length;
    bytes += unit.events.reduce((sum, { topic, state }) => sum + topic.length + state.length + 64, 128);
    if (end > from && (events > eventsMax || bytes > bytesMax)) break;
  }
  return units.slice(from, end);
}

function firstAfter(units: readonly PendingUnit[], after: number): number {
  let [low, high] = [0, units.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((units[middle] as PendingUnit).firstNotificationId > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function endOf({ firstNotificationId, events }: PendingUnit): number {
  return firstNotificationId + events.length - 1;
}

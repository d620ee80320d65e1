/**
 * Commands of a component: whether one is on its way, what came of the last one, and how far its events have come.
 *
 * @module
 */
import type { AnyDecider } from '../../application/aggregates/aggregate-kind.js';
import type { ExecutedBy, ExecuteOptions } from '../../application/commands/command-executor.js';
import type { CommandOf } from '../../domain/decider.js';
import type { Receipt } from '../../sync/exchange/unit-receipts.js';
import { ObservableValue } from '../../util/observable.js';
import type { ClientParts } from './client-parts.js';
import type { Observed } from './observed.js';

/**
 * How far the events of a command have come: `persisted` on this device, `pushed` to the server, `confirmed` by it, or
 * `set-aside` for somebody to decide.
 */
export type ReceiptStage = 'persisted' | 'pushed' | 'confirmed' | 'set-aside';

/** How the commands of a component stand. */
export interface CommandState<Result> {
  /** Whether one is on its way to this device's store. Never waits for the network. */
  readonly pending: boolean;
  /** Why the last one was rejected. */
  readonly error: Error | undefined;
  /** What came of the last one. */
  readonly result: Result | undefined;
  /**
   * How far the events of the last one have come, followed while it is shown. `undefined` where nothing was recorded, and where
   * the store is not synchronised.
   */
  readonly receipt: ReceiptStage | undefined;
}

/** A command as a function of the caller's own: what it gives has `notificationIds`, if its events are to be followed. */
export type OwnCommand<Parts, Args extends readonly unknown[], Result> = (
  parts: Parts,
  ...args: Args
) => Promise<Result>;

/** Executes a command of a decider. */
export type ExecuteDecider<Decider extends AnyDecider> = (
  id: string,
  command: CommandOf<Decider>,
  options?: ExecuteOptions,
) => Promise<ExecutedBy<Decider>>;

/** The commands of one component. */
export interface CommandRuns<Args extends readonly unknown[], Result> extends Observed<CommandState<Result>> {
  /**
   * Executes one. Goes on when the component is gone: what a person has asked for is done.
   *
   * A rejection is in the state as well, and is reported nowhere else when nobody awaits it.
   *
   * @throws what the command throws, and what opening the store throws
   */
  readonly execute: (...args: Args) => Promise<Result>;
  /** Forgets the last error, result and receipt. */
  readonly reset: () => void;
}

const IDLE = { pending: false, error: undefined, result: undefined, receipt: undefined } as const;

/** What is run: a function of one's own as it is, and for a decider its commands. */
export function commandOf<Parts extends ClientParts, Args extends readonly unknown[], Result>(
  command: AnyDecider | OwnCommand<Parts, Args, Result>,
): OwnCommand<Parts, Args, Result> {
  if (typeof command === 'function') return command;
  const execute: OwnCommand<Parts, Parameters<ExecuteDecider<AnyDecider>>, unknown> = async (
    { app },
    id,
    message,
    options,
  ) => await app.execute(command, id, message, options);
  return execute as unknown as OwnCommand<Parts, Args, Result>;
}

/** Implements {@link CommandRuns}. */
export class ClientCommands<Parts extends ClientParts, Args extends readonly unknown[], Result> implements CommandRuns<
  Args,
  Result
> {
  readonly initial: CommandState<Result> = IDLE;
  readonly #open: () => Promise<Parts>;
  readonly #run: () => OwnCommand<Parts, Args, Result>;
  readonly #state = new ObservableValue<CommandState<Result>>(IDLE);
  #running = 0;
  #last = 0;
  #watchers = 0;
  /** Of the last one, for who watches. */
  #receipt: Receipt | undefined;
  #follow = new AbortController();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param run - asked each time for what is run: a component may be given another one */
  constructor(open: () => Promise<Parts>, run: () => OwnCommand<Parts, Args, Result>) {
    this.#open = open;
    this.#run = run;
  }

  get value(): CommandState<Result> {
    return this.#state.value;
  }

  readonly subscribe = (listener: (state: CommandState<Result>) => void): (() => void) => {
    const stop = this.#state.subscribe(listener);
    if (++this.#watchers === 1) this.#followReceipt();
    let isWatching = true;
    return () => {
      stop();
      if (isWatching && --this.#watchers === 0) this.#follow.abort();
      isWatching = false;
    };
  };

  readonly execute = (...args: Args): Promise<Result> => {
    const executed = this.#execute(args);
    // It is in the state: an event handler need not await it.
    executed.catch(() => undefined);
    return executed;
  };

  readonly reset = (): void => {
    this.#last += 1;
    this.#forgetReceipt();
    this.#state.set({ ...IDLE, pending: this.#running > 0 });
  };

  async #execute(args: Args): Promise<Result> {
    const turn = ++this.#last;
    this.#running += 1;
    this.#state.set({ ...this.value, pending: true, error: undefined });
    try {
      const run = this.#run();
      const parts = await this.#open();
      const result = await run(parts, ...args);
      this.#end(turn, { error: undefined, result }, receiptOf(parts, result));
      return result;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#end(turn, { error, result: undefined }, undefined);
      throw thrown;
    }
  }

  /** One that was begun later says what came of it; of this one nothing is shown any more. */
  #end(turn: number, outcome: Pick<CommandState<Result>, 'error' | 'result'>, receipt: Receipt | undefined): void {
    const pending = --this.#running > 0;
    if (turn !== this.#last) {
      this.#state.set({ ...this.value, pending });
      return;
    }
    this.#forgetReceipt();
    this.#receipt = receipt;
    this.#state.set({ pending, ...outcome, receipt: receipt === undefined ? undefined : 'persisted' });
    this.#followReceipt();
  }

  #forgetReceipt(): void {
    this.#follow.abort();
    this.#receipt = undefined;
  }

  #followReceipt(): void {
    const receipt = this.#receipt;
    if (receipt === undefined || this.#watchers === 0) return;
    const follow = new AbortController();
    this.#follow = follow;
    const { signal } = follow;
    const show = (stage: ReceiptStage): void => {
      if (!signal.aborted) this.#state.set({ ...this.value, receipt: stage });
    };
    receipt
      .pushed({ signal })
      .then(() => {
        if (this.value.receipt === 'persisted') show('pushed');
        return receipt.confirmed({ signal });
      })
      .then(() => show('confirmed'))
      // What ends the wait otherwise is shown by the status of the synchronisation.
      .catch((error: unknown) => (error as { code?: unknown }).code === 'SET_ASIDE' && show('set-aside'));
  }
}

function receiptOf(parts: ClientParts, result: unknown): Receipt | undefined {
  const { notificationIds } = (result ?? {}) as { readonly notificationIds?: readonly number[] };
  const [first] = notificationIds ?? [];
  return first === undefined ? undefined : parts.sync?.receipt(first);
}

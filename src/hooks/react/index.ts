/**
 * Hooks for React.
 *
 * @module
 */
import { createContext, createElement, use, useContext, useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import type { ClientParts } from '../contract/client-parts.js';
import type { DaybookClient } from '../contract/client.js';
import { componentHooks } from '../contract/component-hooks.js';
import type { ComponentHooks } from '../contract/component-hooks.js';
import { HAS_PAGE } from '../contract/observed.js';
import type { Observed } from '../contract/observed.js';

export type { ComponentHooks, SuspendedState, UsedClient, UsedCommand } from '../contract/component-hooks.js';
export * from '../contract/index.js';

/** The hooks of a client, and a component that puts another one in its place. */
export interface ReactHooks<Parts extends ClientParts> extends ComponentHooks<Parts> {
  /**
   * Gives another client to what is inside of it: of another store, or of a test.
   *
   * @param props - `client` is lent; close it when it is not needed any more
   */
  DaybookProvider(props: { readonly client: DaybookClient<Parts>; readonly children?: ReactNode }): ReactNode;
}

/**
 * The hooks of a client, typed by what it is made of. Needs no provider: one is for tests, and for several stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened; a page takes that over as it is, and shows
 * what is on the device next. `useSuspenseView` leaves its boundary to the page.
 *
 * @example
 * ```tsx
 * export const { useView, useCommand } = daybookHooks(stock);
 *
 * function Items(): ReactNode {
 *   const { data = [] } = useView((read, { states }) => read.find(states, items, { orderBy: 'name' }));
 *   const { execute, pending } = useCommand(stockItem);
 *   return data.map(({ id, data: { name, quantity } }) => (
 *     <button key={id} disabled={pending} onClick={() => void execute(id, { type: 'Count', data: { quantity: quantity + 1 } })}>
 *       {name}: {quantity}
 *     </button>
 *   ));
 * }
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): ReactHooks<Parts> {
  const Provided = createContext(client);
  return {
    DaybookProvider: ({ client: provided, children }) => createElement(Provided, { value: provided }, children),
    ...componentHooks<Parts>({
      useClient: () => useContext(Provided),
      useObserved,
      useState,
      waitFor: (view) => {
        if (!HAS_PAGE) throw leftToPage();
        use(view.value.status === 'loading' ? view.ready() : READY);
      },
    }),
  };
}

/** A promise of which React knows that it has come to its end, so that nothing is suspended for it. */
const READY: Promise<void> = Object.assign(Promise.resolve(), { status: 'fulfilled' });

function useObserved<T>(observed: Observed<T>): T {
  return useSyncExternalStore(
    observed.subscribe,
    () => observed.value,
    () => observed.initial,
  );
}

/** What is thrown on a server is shown by the page: frameworks know this word, and report nothing. */
function leftToPage(): Error {
  const error = new Error('This is shown by the page: a server has no store to read.');
  return Object.assign(error, { digest: 'BAILOUT_TO_CLIENT_SIDE_RENDERING' });
}

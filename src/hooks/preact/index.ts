/**
 * Hooks for Preact.
 *
 * @module
 */
import { createContext, createElement } from 'preact';
import type { ComponentChildren, VNode } from 'preact';
import { useContext, useLayoutEffect, useState } from 'preact/hooks';
import type { ClientParts, View } from '../contract/client-parts.js';
import type { DaybookClient } from '../contract/client.js';
import { componentHooks } from '../contract/component-hooks.js';
import type { ComponentHooks } from '../contract/component-hooks.js';
import type { Observed } from '../contract/observed.js';

export type { ComponentHooks, SuspendedState, UsedClient, UsedCommand } from '../contract/component-hooks.js';
export * from '../contract/index.js';

/** The hooks of a client, and a component that puts another one in its place. */
export interface PreactHooks<Parts extends ClientParts> extends ComponentHooks<Parts> {
  /**
   * Gives another client to what is inside of it: of another store, or of a test.
   *
   * @param props - `client` is lent; close it when it is not needed any more
   */
  DaybookProvider(props: { readonly client: DaybookClient<Parts>; readonly children?: ComponentChildren }): VNode;
}

/**
 * The hooks of a client, typed by what it is made of. Needs no provider: one is for tests, and for several stores.
 *
 * On a server each shows what it shows before anything is known, and nothing is opened. `useSuspenseView` needs the `Suspense` of
 * `preact/compat`.
 *
 * @example
 * ```tsx
 * export const { useView } = daybookHooks(stock);
 *
 * function Items(): VNode {
 *   const { data = [] } = useView((read, { states }) => read.find(states, items, { orderBy: 'name' }));
 *   return <ul>{data.map(({ id, data: { name, quantity } }) => <li key={id}>{name}: {quantity}</li>)}</ul>;
 * }
 * ```
 */
export function daybookHooks<Parts extends ClientParts>(client: DaybookClient<Parts>): PreactHooks<Parts> {
  const Provided = createContext(client);
  return {
    DaybookProvider: ({ client: provided, children }) =>
      createElement(Provided.Provider, { value: provided, children }) as VNode,
    ...componentHooks<Parts>({
      useClient: () => useContext(Provided),
      useObserved,
      useState,
      // What is thrown is waited for by `Suspense`.
      waitFor: (view: View<unknown>) => {
        if (view.value.status !== 'loading') return;
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- that is how a component of Preact says that it waits
        throw view.ready();
      },
    }),
  };
}

function useObserved<T>(observed: Observed<T>): T {
  const [, redraw] = useState({});
  const { value } = observed;
  // Before anything is painted: what has changed since this was rendered is rendered at once.
  useLayoutEffect(() => {
    let shown = value;
    return observed.subscribe((now) => {
      if (Object.is(now, shown)) return;
      shown = now;
      redraw({});
    });
  }, [observed]);
  return value;
}

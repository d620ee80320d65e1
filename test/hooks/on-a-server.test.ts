/** Hooks where there is no page: they show what is shown before anything is known, open nothing, and keep nothing. */
import { createElement, Suspense } from 'react';
import { renderToPipeableStream } from 'react-dom/server';
import { Writable } from 'node:stream';
import { createSSRApp, defineComponent, h, Suspense as VueSuspense } from 'vue';
import { renderToString } from 'vue/server-renderer';
import { expect, test, vi } from 'vitest';
import { createClient } from '../../src/hooks/contract/index.js';
import { daybookHooks } from '../../src/hooks/react/index.js';
import { daybookHooks as vueHooks } from '../../src/hooks/vue/index.js';
import { preactShop } from '../browser/hooks/preact-shop.js';
import { reactShop } from '../browser/hooks/react-shop.js';
import { fewItems, Seen, SERVER_HTML } from '../browser/hooks/shop.js';
import type { ShopAdapter, ShopClient, ShopParts, ShopProps } from '../browser/hooks/shop.js';
import { vueShop } from '../browser/hooks/vue-shop.js';

const ADAPTERS: readonly (readonly [string, ShopAdapter])[] = [
  ['React', reactShop],
  ['Preact', preactShop],
  ['Vue', vueShop],
];

function newClient(): { readonly client: ShopClient; readonly open: () => number } {
  const open = vi.fn(() => Promise.reject<ShopParts>(new Error('opened on a server')));
  return { client: createClient<ShopParts>({ name: 'shop', open }), open: () => open.mock.calls.length };
}

const props = (): ShopProps => ({ below: 5, id: 'one', seen: new Seen(), onReady: () => undefined });

test.each(ADAPTERS)(
  '%s shows the same for each request, opens nothing and leaves nothing behind',
  async (_name, shop) => {
    vi.useFakeTimers();
    try {
      for (const _request of ['first', 'second']) {
        const { client, open } = newClient();
        expect(await shop.render?.(client, props())).toBe(SERVER_HTML);
        expect(open()).toBe(0);
        expect(client.state.value.status).toBe('closed');
        // Two of one request are two: nothing is shared that another request could be shown.
        expect(client.view(fewItems, [5])).not.toBe(client.view(fewItems, [5]));
      }
      expect(vi.getTimerCount()).toBe(0);
      expect(Object.getOwnPropertySymbols(globalThis)).not.toContain(Symbol.for('daybook.clients'));
    } finally {
      vi.useRealTimers();
    }
  },
);

test('React leaves what suspends to the page, and the rest is whole', async () => {
  const { client } = newClient();
  const { useSuspenseView } = daybookHooks(client);
  const Few = (): string => String(useSuspenseView(fewItems, [5]).data.length);
  const digests: unknown[] = [];
  const html = await new Promise<string>((resolve, reject) => {
    let text = '';
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done();
      },
    });
    sink.on('finish', () => resolve(text));
    const { pipe } = renderToPipeableStream(
      createElement('main', null, createElement(Suspense, { fallback: 'soon' }, createElement(Few))),
      {
        onAllReady: () => void pipe(sink),
        onShellError: reject,
        onError: (error) => {
          const { digest } = error as { readonly digest?: string };
          digests.push(digest);
          return digest;
        },
      },
    );
  });
  expect(html).toContain('soon');
  expect(digests).toEqual(['BAILOUT_TO_CLIENT_SIDE_RENDERING']);
});

test('Vue shows what suspends before anything is known', async () => {
  const { client, open } = newClient();
  const { useSuspenseView } = vueHooks(client);
  const Few = defineComponent({
    async setup() {
      const { status } = await useSuspenseView(fewItems, [5] as const);
      return () => status.value;
    },
  });
  const app = createSSRApp(defineComponent(() => () => h(VueSuspense, null, { default: () => h(Few) })));
  expect(await renderToString(app)).toContain('loading');
  expect(open()).toBe(0);
});

/** The shop in Svelte 5. */
import { daybookHooks } from 'daybook/svelte';
import { mount, unmount } from 'svelte';
import ProvidedShop from './ProvidedShop.svelte';
import Shop from './Shop.svelte';
import type { Mounted, ShopAdapter, ShopProps } from './shop.js';

function mounted(component: object, props: ShopProps): Mounted {
  return {
    update: (some) => {
      Object.assign(props, some);
    },
    unmount: () => unmount(component as Record<string, unknown>),
  };
}

export const svelteShop: ShopAdapter = {
  mount(target, client, first, { provided } = {}) {
    const props = $state({ ...first, hooks: daybookHooks(client), provided });
    return mounted(mount(provided === undefined ? Shop : (ProvidedShop as never), { target, props }), props);
  },
};

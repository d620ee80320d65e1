import { defineConfig } from 'vite';
import type { Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

// The wasm is by far the largest file; without it the page would open offline and have no store.
const PRECACHED_FILE_BYTES_MAX = 8 * 1024 * 1024;

// What the demo's server answers itself: never to be answered with the page.
const SERVER_PATHS = ['/v1', '/demo'];

/** Makes the page open without a network, also after the browser was closed. */
function offlinePage(): Plugin[] {
  return VitePWA({
    registerType: 'autoUpdate',
    injectRegister: 'script-defer',
    manifest: {
      name: 'Daybook stock count',
      short_name: 'Stock count',
      description: 'Count stock with or without a network.',
      start_url: '/',
      display: 'standalone',
      background_color: '#f4f1ea',
      theme_color: '#17493a',
      icons: [
        { src: '/icon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' },
        { src: '/icon-maskable.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'maskable' },
      ],
    },
    workbox: {
      globPatterns: ['**/*.{html,css,js,wasm,svg}'],
      maximumFileSizeToCacheInBytes: PRECACHED_FILE_BYTES_MAX,
      navigateFallback: '/index.html',
      navigateFallbackDenylist: SERVER_PATHS.map((path) => new RegExp(`^${path}/`)),
      cleanupOutdatedCaches: true,
      // A new version takes over at once: every version reads the same store, or says that it cannot.
      skipWaiting: true,
      clientsClaim: true,
    },
  });
}

// A config file is the one place where the tool wants a default export.
export default defineConfig({
  root: 'demo',
  plugins: [offlinePage()],
  build: {
    ...{ outDir: 'dist', emptyOutDir: true, target: 'es2022' },
    rolldownOptions: { input: ['demo/index.html', 'demo/side-by-side.html'] },
  },
  worker: { format: 'es' },
  // Prebundling would move the library away from its worker and its wasm.
  optimizeDeps: { exclude: ['daybook', 'daybook/application', 'daybook/sync'] },
  server: {
    proxy: Object.fromEntries(SERVER_PATHS.map((path) => [`${path}/`, 'http://localhost:4173'])),
  },
});

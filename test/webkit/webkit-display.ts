/**
 * A screen that nobody sees: WebKitGTK has no headless mode.
 *
 * @module
 */
import { ProcessGroup } from './process-group.js';

/** A running X server. */
export interface WebKitDisplay {
  /** What a program needs to show its windows there, and not to ask the desktop around it for anything. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts Xvfb on a display number of its own choice, which therefore collides with nobody's. */
export async function openDisplay(): Promise<WebKitDisplay> {
  const server = ProcessGroup.start(
    'Xvfb',
    ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp', '-noreset'],
    { isAnswering: true },
  );
  const display = await server.firstLine();
  return {
    env: {
      DISPLAY: `:${display}`,
      GDK_BACKEND: 'x11',
      LIBGL_ALWAYS_SOFTWARE: '1',
      WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      NO_AT_BRIDGE: '1',
    },
    close: () => server.kill(),
  };
}

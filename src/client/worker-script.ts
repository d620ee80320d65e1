/**
 * Starts a worker from its file, wherever that lies, and says why one does not come up: the browser itself says nothing.
 *
 * @module
 */
import { WorkerFailedError } from '../host/protocol/client-errors.js';
import { StorageUnavailableError } from '../persistence/errors.js';
import { checkedUrl } from '../persistence/validation.js';
import { systemClock } from '../util/clock.js';

// Whoever waits for an opening that has failed waits no longer than this to learn why.
const EXPLAIN_TIMEOUT_MS = 5_000;

/** Which file, and how it is found. */
export interface WorkerScript {
  /** As the package calls it. */
  readonly file: string;
  /** The option that names its place. */
  readonly option: string;
  /** What that option says. */
  readonly url: string | URL | undefined;
  /** Starts it where the application's bundler has put it. */
  readonly startBundled: () => Worker;
}

/** A worker that was started. */
export interface StartedWorker {
  readonly worker: Worker;
  /** Why it did not come up: asked when its `error` event says nothing. */
  readonly explain: () => Promise<WorkerFailedError>;
}

/** Where a script lies, and as what it is loaded. */
interface Place {
  readonly address: URL;
  readonly type: WorkerType;
}

/**
 * Starts a worker. From another origin by way of a blob, because a browser starts no worker from there itself.
 *
 * @throws WorkerFailedError (`WORKER_FAILED`) when there are no workers here, or the browser refuses this one at once
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the page has no origin, and so no storage
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the option is no address
 */
export function startScript(script: WorkerScript): StartedWorker {
  assertPage();
  const { url, startBundled } = script;
  const place: Place | undefined =
    url === undefined ? placeOf(startBundled) : { address: pageUrl(script.option, url), type: 'module' };
  const over = new AbortController();
  const refused = policyViolations(over.signal);
  const worker = startFrom(place, script, over.signal);
  worker.addEventListener('message', () => over.abort(), { once: true });
  return {
    worker,
    explain: async () => {
      const { reason, status, message } = await whyNotLoaded(script, place?.address, refused);
      over.abort();
      return new WorkerFailedError(`${script.file} did not start: ${message}`, {
        details: { file: script.file, url: place?.address.href, reason, status },
      });
    },
  };
}

/**
 * An address as the page means it.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none
 */
export function pageUrl(option: string, url: string | URL): URL {
  return checkedUrl(option, url, (globalThis.document as Document | undefined)?.baseURI ?? location.href);
}

function assertPage(): void {
  if ((globalThis.Worker as unknown) === undefined) {
    throw new WorkerFailedError(
      'There are no workers here. Call this in a page: not while it is rendered on a server, and not in a service worker. For a back end there are the recorders of daybook/node-sqlite and daybook/postgres.',
      { details: { reason: 'no-workers' } },
    );
  }
  if (globalThis.origin === 'null') {
    throw new StorageUnavailableError(
      'This page has no origin, and so the browser gives it no storage: it is in a sandboxed frame without allow-same-origin, or was opened from a file.',
    );
  }
}

function startFrom(place: Place | undefined, script: WorkerScript, over: AbortSignal): Worker {
  const { url, startBundled } = script;
  if (place !== undefined && isForeign(place.address)) return startByBlob(place, over);
  try {
    // The bundler's own way, where it is taken: it may pass options that are its own.
    return url === undefined ? startBundled() : new Worker(url, { type: 'module' });
  } catch (cause) {
    throw notStarted(script, place, cause);
  }
}

/** Most browsers say later, by an event, that there is no worker; what they say at once is in words of their own. */
function notStarted({ file, option }: WorkerScript, place: Place | undefined, cause: unknown): WorkerFailedError {
  // What is no module does not know its own address, and so no other one.
  const isNoModule = place === undefined && cause instanceof TypeError;
  const why = isNoModule
    ? `the page's script is not bundled as a module, and so does not know where it lies. Build modules (esbuild: --format=esm, and <script type="module">); or copy the files with "npx daybook copy-assets <folder>", and name the place of ${file} with the option ${option}.`
    : String(cause);
  return new WorkerFailedError(`${file} did not start: ${why}`, {
    cause,
    details: { file, url: place?.address.href, reason: isNoModule ? 'no-module' : 'refused' },
  });
}

function remedy(file: string, option: string): string {
  return `Copy the files beside the page's scripts, with "npx daybook copy-assets <folder>"; or elsewhere, and name the place of ${file} with the option ${option}.`;
}

function isForeign({ protocol, origin }: URL): boolean {
  return protocol.startsWith('http') && origin !== location.origin;
}

/** The worker's script is ours, and asks the other origin for the real one, which must allow that (CORS). */
function startByBlob({ address, type }: Place, over: AbortSignal): Worker {
  const href = JSON.stringify(address.href);
  const code = type === 'module' ? `import ${href};` : `importScripts(${href});`;
  const blobUrl = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  over.addEventListener('abort', () => URL.revokeObjectURL(blobUrl));
  return new Worker(blobUrl, { type });
}

/**
 * Where a bundler has put a script. It knows only the literal `new Worker(new URL(…))`, in which nothing may be changed
 * and after which the address is not to be had; so the literal is run once with something in the place of `Worker` that
 * only looks. Nobody else can see that: it is over before anything else runs.
 *
 * Not by a `new URL(…)` of its own: that is a picture or a font to a bundler, which would publish the script a second
 * time, or write it into the page (Vite, for libraries), where a worker has no origin and so no storage. Not by a `Worker`
 * of this module either: webpack looks for the global one. And it must be known before the start, because a browser may
 * refuse a script from another origin long after it has taken it.
 *
 * @returns `undefined` where the global cannot be exchanged
 */
function placeOf(startBundled: () => Worker): Place | undefined {
  const { Worker } = globalThis;
  let found: Place | undefined;
  try {
    globalThis.Worker = class extends EventTarget {
      constructor(url: string | URL, { type = 'classic' }: WorkerOptions = {}) {
        super();
        found = { address: pageUrl('url', url), type };
      }
    } as unknown as typeof Worker;
    startBundled();
  } catch {
    // A page that has frozen its globals: then the worker is started unseen.
  } finally {
    if (globalThis.Worker !== Worker) globalThis.Worker = Worker;
  }
  return found;
}

/** Takes down what the content security policy refuses meanwhile: the worker's own event does not say it. */
function policyViolations(over: AbortSignal): readonly SecurityPolicyViolationEvent[] {
  const seen: SecurityPolicyViolationEvent[] = [];
  const page = globalThis.document as Document | undefined;
  page?.addEventListener('securitypolicyviolation', (event) => seen.push(event), { signal: over });
  return seen;
}

/** Why a script did not load, to branch on and in words. */
interface Explanation {
  readonly reason: 'policy' | 'prebundled' | 'unreachable' | 'not-found' | 'not-javascript' | 'unknown';
  readonly status?: number;
  readonly message: string;
}

async function whyNotLoaded(
  { file, option }: WorkerScript,
  address: URL | undefined,
  refused: readonly SecurityPolicyViolationEvent[],
): Promise<Explanation> {
  const copyThem = remedy(file, option);
  if (address === undefined)
    return { reason: 'unknown', message: `it was not found, or is not JavaScript. ${copyThem}` };
  const { href, pathname } = address;
  if (pathname.includes('/.vite/deps')) {
    return {
      reason: 'prebundled',
      message: `Vite has bundled Daybook in advance, away from its worker (${href}). Add optimizeDeps: { exclude: ['daybook'] } to its configuration.`,
    };
  }
  const answer = await lookAt(href);
  const [violation] = refused.filter(({ blockedURI }) => [href, 'blob'].includes(blockedURI));
  if (violation !== undefined) {
    const source = violation.blockedURI === 'blob' ? 'blob:' : address.origin;
    return {
      reason: 'policy',
      message: `the content security policy refuses it (${violation.effectiveDirective}). Allow ${source} as worker-src${isForeign(address) ? ', and the origin of the file as script-src and connect-src' : ''}.`,
    };
  }
  if (answer === undefined) {
    const cors = ` Another origin must allow this one with Access-Control-Allow-Origin, for ${file} and sql-wasm.wasm.`;
    return { reason: 'unreachable', message: `${href} cannot be reached.${isForeign(address) ? cors : ''}` };
  }
  const { status, type } = answer;
  if (status >= 400) return { reason: 'not-found', status, message: `${href} is answered with ${status}. ${copyThem}` };
  if (!/javascript|ecmascript/.test(type)) {
    return { reason: 'not-javascript', status, message: `${href} is answered with ${type || 'no type'}. ${copyThem}` };
  }
  return {
    reason: 'unknown',
    status,
    message: `${href} is there, and the browser does not say what is wrong with it.`,
  };
}

async function lookAt(href: string): Promise<{ readonly status: number; readonly type: string } | undefined> {
  const late = new AbortController();
  const callOff = systemClock.schedule(() => late.abort(), EXPLAIN_TIMEOUT_MS);
  try {
    const { status, headers, body } = await fetch(href, { signal: late.signal });
    void body?.cancel().catch(() => undefined);
    return { status, type: headers.get('content-type') ?? '' };
  } catch {
    return undefined;
  } finally {
    callOff();
  }
}

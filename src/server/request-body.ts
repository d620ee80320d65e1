/**
 * Reads a request: bytes within a limit, UTF-8, JSON, schema.
 *
 * @module
 */
import * as v from 'valibot';
import { GZIP_RATIO_MAX, InvalidRequestError, TooLargeError } from '../sync/protocol/index.js';
import { boundedBytes } from '../util/bounded-body.js';
import { gunzipped } from '../util/gzip.js';
import { fitsShape } from './json-shape.js';
import type { JsonShape } from './json-shape.js';

// Messages of a schema may quote what they found; the sender knows what it sent.
const MESSAGE_LENGTH_MAX = 200;

/** What of a body is read, and how it may be built. */
export interface BodyLimits extends BytesLimits, JsonShape {}

/**
 * Reads JSON that a schema accepts.
 *
 * @param onBytes - told how many bytes there were, of a body within the limit
 * @throws InvalidRequestError (`INVALID_REQUEST`) with `path` and `problem` of the first thing that is wrong
 * @throws TooLargeError (`TOO_LARGE`) when there are more bytes
 */
export async function readJson<T>(
  request: Request,
  schema: v.GenericSchema<unknown, T>,
  limits: BodyLimits,
  onBytes?: (bytes: number) => void,
): Promise<T> {
  checkMediaType(request, 'application/json');
  const bytes = await readBytes(request, limits, onBytes);
  if (!fitsShape(bytes, limits)) throw invalid('', 'the body is nested too deeply, or has too many parts');
  const result = v.safeParse(schema, parse(bytes), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid(v.getDotPath(issue) ?? '', issue.message);
}

/** @throws InvalidRequestError (`INVALID_REQUEST`) when a body says that it is something else */
export function checkMediaType(request: Request, expected: string): void {
  const mediaType = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== expected) throw invalid('', `Content-Type must be ${expected}`);
}

/** What of a body is read. */
export interface BytesLimits {
  /** Unpacked. Counted as they arrive: a `Content-Length` is a claim. */
  readonly bytesMax: number;
  /** Whether it may be gzipped. */
  readonly isGzipTaken?: boolean | undefined;
}

/**
 * Reads a body up to a limit; what is beyond it is not even read. What is gzipped is unpacked, to a hundred times of what
 * was sent at most.
 *
 * @param onBytes - told how many bytes came, of a body within the limit
 * @throws InvalidRequestError (`INVALID_REQUEST`) when it ends too early, or is not encoded as it says
 * @throws TooLargeError (`TOO_LARGE`) when there are more bytes
 */
export async function readBytes(
  request: Request,
  { bytesMax, isGzipTaken = false }: BytesLimits,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  const encoding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';
  const isGzip = encoding === 'gzip' && isGzipTaken;
  if (!isGzip && encoding !== 'identity')
    throw invalid('', `Content-Encoding must be ${isGzipTaken ? 'gzip, or ' : ''}absent`);
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax);
  const { bytes, isWhole } = await boundedBytes(request, bytesMax).catch(() => {
    // The sender went away in the middle: no fault of this side.
    throw invalid('', 'the body ended too early');
  });
  if (!isWhole) throw tooLarge(bytesMax);
  onBytes?.(bytes.length);
  return isGzip ? await unpacked(bytes, bytesMax) : bytes;
}

/** Read before it is unpacked: only then it is known how much it may become. */
async function unpacked(packed: Uint8Array<ArrayBuffer>, bytesMax: number): Promise<Uint8Array> {
  const fairMax = packed.length * GZIP_RATIO_MAX;
  const { bytes, isWhole } = await gunzipped(packed, Math.min(bytesMax, fairMax)).catch(() => {
    throw invalid('', 'the body is not gzip');
  });
  if (isWhole) return bytes;
  if (fairMax >= bytesMax) throw tooLarge(bytesMax);
  throw invalid('', `the body is more than ${GZIP_RATIO_MAX} times as large as it was packed: send it as it is`);
}

function parse(bytes: Uint8Array): unknown {
  try {
    // Fatal, because a replacement character would be stored as if it had been sent.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('', 'the body is not JSON in UTF-8');
  }
}

/** An error that says where a request cannot be read, and why. */
export function invalid(path: string, problem: string): InvalidRequestError {
  const shown = problem.length > MESSAGE_LENGTH_MAX ? `${problem.slice(0, MESSAGE_LENGTH_MAX)}…` : problem;
  return new InvalidRequestError(`The request cannot be read: ${path === '' ? '' : `${path}: `}${shown}.`, {
    details: { path, problem: shown },
  });
}

function tooLarge(bytesMax: number): TooLargeError {
  return new TooLargeError(`A request may have ${bytesMax} bytes at most. Send fewer events at once.`, {
    details: { bytesMax },
  });
}

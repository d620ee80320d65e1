/**
 * What is answered in JSON. Written and read here; fields that are not known are ignored.
 *
 * Read without a library of schemas, because it would be most of what a page loads for it.
 *
 * @module
 */
import type { ErrorData } from '../../domain/error-codec.js';
import type { Cursor, UnitId } from '../../persistence/unit.js';

/** What a server says of a unit that was pushed. */
export type PushDecision =
  /** It is in the log, since now or before; `position` is that of its last event. A hint: only a page confirms. */
  | { readonly id: UnitId; readonly kind: 'accepted'; readonly position: number }
  /** It is refused for good, since now or before; or, as `OUT_OF_SCOPE`, for as long as its sender may not see it. */
  | { readonly id: UnitId; readonly kind: 'rejected'; readonly code: string; readonly message: string };

/** What came of a push. */
export interface PushAnswer {
  /** Of the units that were decided: the first ones of those that were sent, in the order in which they were sent. */
  readonly decisions: readonly PushDecision[];
  /**
   * The unit at which it ended, where it ended before the last: it stands on another state than the log's. It is not
   * decided; follow the log, then decide it again.
   */
  readonly conflict: UnitId | undefined;
  /** The position of the end of the log. */
  readonly head: number;
}

/** What became of a unit that was offered to a server which had lost it. */
export interface HealDecision {
  readonly id: UnitId;
  /**
   * `restored`: it is there again, as it was. `known`: it is there, or decided otherwise, already. `setAside`: it does not
   * fit any more, and waits for an operator. `refused`: this server has not sealed it.
   */
  readonly kind: 'restored' | 'known' | 'setAside' | 'refused';
}

/** What came of an offer. */
export interface HealAnswer {
  readonly decisions: readonly HealDecision[];
  /**
   * Where the log ended then: whoever does not find it there any more offers once more. Undefined where a server does not say
   * it.
   */
  readonly head: Cursor | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const HEAL_KINDS: ReadonlySet<unknown> = new Set<HealDecision['kind']>(['restored', 'known', 'setAside', 'refused']);

/** The body as JSON; `undefined` when it is none: a portal's page, or an answer that was cut short. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Puts the answer of a push on the wire. */
export function toPushAnswer({ decisions, conflict, head }: PushAnswer): object {
  return {
    head,
    decisions: decisions.map((decision) =>
      decision.kind === 'accepted'
        ? [decision.id, decision.kind, decision.position]
        : [decision.id, decision.kind, decision.code, decision.message],
    ),
    ...(conflict === undefined ? {} : { conflict }),
  };
}

/** @returns `undefined` when a 200 to a push does not say that */
export function parsePushAnswer(answer: unknown): PushAnswer | undefined {
  if (!isObject(answer)) return undefined;
  const { head, conflict } = answer;
  const decisions = listOf(answer['decisions'], pushDecision);
  if (!isCount(head) || decisions === undefined || !(conflict === undefined || isText(conflict))) return undefined;
  return { head, decisions, conflict };
}

function pushDecision([id, kind, third, message]: readonly unknown[]): PushDecision | undefined {
  if (!isText(id)) return undefined;
  if (kind === 'accepted' && isCount(third)) return { id, kind, position: third };
  return kind === 'rejected' && isText(third) && isText(message) ? { id, kind, code: third, message } : undefined;
}

/** Puts the answer to an offer on the wire. */
export function toHealAnswer({ decisions, head }: HealAnswer): object {
  return { decisions: decisions.map(({ id, kind }) => [id, kind]), head };
}

/** @returns `undefined` when a 200 to an offer does not say that */
export function parseHealAnswer(answer: unknown): HealAnswer | undefined {
  if (!isObject(answer)) return undefined;
  const { head } = answer;
  const decisions = listOf(answer['decisions'], healDecision);
  if (decisions === undefined || !(head === undefined || isText(head))) return undefined;
  return { decisions, head };
}

function healDecision([id, kind]: readonly unknown[]): HealDecision | undefined {
  return isText(id) && HEAL_KINDS.has(kind) ? { id, kind: kind as HealDecision['kind'] } : undefined;
}

/** @returns `undefined` when a 200 to a question for the common place does not say that */
export function parseCommonAnswer(answer: unknown): Cursor | undefined {
  const common = isObject(answer) ? answer['common'] : undefined;
  return isText(common) ? common : undefined;
}

/** @returns `undefined` when a 200 to a question for digests does not say that */
export function parseDigestsAnswer(answer: unknown): readonly (string | undefined)[] | undefined {
  const digests: unknown = isObject(answer) ? answer['digests'] : undefined;
  if (!Array.isArray(digests) || !digests.every((digest) => digest === null || isText(digest))) return undefined;
  return digests.map((digest: string | null) => digest ?? undefined);
}

/** @returns what was refused; `undefined` when an answer that is no 200 does not say that */
export function parseErrorAnswer(answer: unknown): ErrorData | undefined {
  const error = isObject(answer) ? answer['error'] : undefined;
  if (!isObject(error)) return undefined;
  const { name, message, code, details } = error;
  if (!isText(name) || !isText(message) || !(code === undefined || isText(code))) return undefined;
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(isObject(details) ? { details: Object.fromEntries(Object.entries(details).filter(isDetail)) } : {}),
  };
}

function isDetail(entry: [string, unknown]): entry is [string, string | number | boolean] {
  return typeof entry[1] !== 'object';
}

/** The list, when it is one of lists that can be read, each. */
function listOf<T>(value: unknown, read: (item: readonly unknown[]) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: T[] = [];
  for (const item of value as readonly unknown[]) {
    const one = Array.isArray(item) ? read(item as readonly unknown[]) : undefined;
    if (one === undefined) return undefined;
    items.push(one);
  }
  return items;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/**
 * States, requests and answers of the model as lines (`trace.ts`).
 *
 * @module
 */
import type { DeviceState, HeldUnit } from './device-state.js';
import { pendingUnits } from './device-state.js';
import type { ModelLog } from './model-log.js';
import { headOf } from './model-log.js';
import type { ModelAnswer, ModelRequest } from './model-server.js';
import { adopt, type ServerRules } from './server-rules.js';
import type { Line } from './trace.js';
import type { Edition, ModelCursor, ModelEvent } from './unit-types.js';

/** How a line is put together, here and for the shipped code: of words, so that names may follow. */
export function line(parts: readonly (string | number)[], names: readonly string[] = []): Line {
  const words = (some: readonly (string | number)[]): string[] => some.map((one) => String(one).replaceAll(' ', '_'));
  return [...words(parts), ...(names.length > 0 ? ['@', ...words(names)] : [])].join(' ');
}

/** The text of a line, and its names. */
export function partsOf(text: Line): { readonly text: string; readonly names: readonly string[] } {
  const [said = '', names = ''] = text.split(' @ ');
  return { text: said, names: names === '' ? [] : names.split(' ') };
}

export function eventText({ aggregate, version, payload }: ModelEvent): string {
  return `${aggregate}:${version}=${payload}`;
}

export const kindOf = (isCommutative: boolean): string => (isCommutative ? 'moves' : 'strict');

const editionName = (edition: Edition | undefined): string => (edition ? `edition:${edition}` : 'nothing');

/** The same place, whoever sees all of it, or does not look. */
function placeName({ position, hash, scopes }: ModelCursor): string {
  const part = scopes === 'north+south' ? '' : scopes;
  return position === 0 ? 'start' : `place:${position}.${hash}.${part}`;
}

/** Codes as the shipped code has them. */
const CODES: Readonly<Record<string, string>> = { ID_TAKEN: 'FORBIDDEN', LOST_BASE: 'LOST' };
const codeOf = (code: string): string => CODES[code] ?? code;

/** What was inserted beside the log is in it as soon as somebody looks. */
export function logLines(log: ModelLog, rules: ServerRules): Line[] {
  const { units, known, aside, ...rest } = adopt(log, rules);
  const refused = [...known].flatMap(([id, entry]) =>
    entry.kind === 'rejected' ? [line(['refused', id, codeOf(entry.code), `by:${entry.author}`])] : [],
  );
  return [
    line(['end'], [placeName(headOf({ ...rest, units, known, aside }))]),
    ...units.map(({ id, edition, isCommutative, author, events, position }) =>
      line(['unit', position, id, kindOf(isCommutative), `by:${author}`, ...events.map(eventText)], [editionName(edition)]),
    ),
    ...refused,
    ...[...aside.keys()].filter((id) => !known.has(id)).map((id) => line(['offered', id])),
  ]; // prettier-ignore
}

const ownerOf = ({ isOwn }: HeldUnit): string => (isOwn ? 'own' : 'others');

export function deviceLines(state: DeviceState): Line[] {
  const { cursor, pass, marks, units, aside, bases } = state;
  return [
    line(['at'], [placeName(pass?.cursor ?? cursor)]),
    line(['holds'], pass === undefined ? [] : [placeName(pass.held)]),
    line(['marks'], [...marks].sort((a, b) => b.position - a.position).map(placeName)),
    line(['queue', ...pendingUnits(state).map(({ id }) => id)]),
    ...[...units.values()].map((unit) => {
      const { id, edition, isCommutative, status, position, total, author, events } = unit;
      const where = status === 'pending' ? [] : [position, total, `by:${author}`];
      const said = [status, id, ownerOf(unit), kindOf(isCommutative), ...where, ...events.map(eventText)];
      return line(said, [editionName(edition)]);
    }),
    ...[...aside.values()].map(({ unit, code, after }) => {
      const { id, edition, isCommutative, events } = unit;
      const places = aggregatesOf(events).map((aggregate) => editionName(after[aggregate]));
      const said = ['aside', id, codeOf(code), ownerOf(unit), kindOf(isCommutative), ...events.map(eventText)];
      return line(said, [editionName(edition), ...places]);
    }),
    ...[...bases].map(([aggregate, { version, edition, position }]) =>
      line(['base', aggregate, version, position], [editionName(edition)]),
    ),
  ];
}

function aggregatesOf(events: readonly ModelEvent[]): string[] {
  return [...new Set(events.map(({ aggregate }) => aggregate))];
}

/** A unit as it is sent, with what it stands on. */
function sentLine(unit: {
  readonly id: string;
  readonly edition: Edition;
  readonly isCommutative: boolean;
  readonly after: Readonly<Record<string, Edition>>;
  readonly events: readonly ModelEvent[];
}): Line {
  const { id, edition, isCommutative, after, events } = unit;
  const places = aggregatesOf(events).map((aggregate) => editionName(after[aggregate]));
  return line(['sends', id, kindOf(isCommutative), ...events.map(eventText)], [editionName(edition), ...places]);
}

export function requestLines(request: ModelRequest): Line[] {
  switch (request.kind) {
    case 'push':
    case 'heal':
      return request.units.map(sentLine);
    case 'pull':
      return [line(['after'], [placeName(request.after)]), line(['held'], request.held.map(placeName))];
    case 'common':
      return [line(['marks'], [...request.marks].sort((a, b) => b.position - a.position).map(placeName))];
    case 'digest':
    case 'part':
      return [];
  }
}

export function answerLines(answer: ModelAnswer, request: ModelRequest): Line[] {
  switch (answer.kind) {
    case 'forbidden':
      return ['forbidden'];
    case 'part':
      throw new Error('Runs that are written down have no bootstraps.');
    case 'common':
      return [line(['common'], [placeName(answer.common)])];
    case 'digest': {
      const { aggregate, version } = request as Extract<ModelRequest, { readonly kind: 'digest' }>;
      const { digest } = answer;
      return digest === undefined ? ['unknown'] : [line(['digest'], [`digest:${aggregate}.${version}.${digest}`])];
    }
    case 'heal':
      return [
        ...answer.answer.decisions.map(([id, kind]) => line([kind, id])),
        line(['end'], [placeName(answer.answer.head)]),
      ];
    case 'push': {
      const { decisions, conflict } = answer.answer;
      const decided = decisions.map((decision) =>
        decision.kind === 'accepted' ? line(['accepted', decision.id]) : line(['rejected', decision.id, codeOf(decision.code)]),
      ); // prettier-ignore
      return conflict === undefined ? decided : [...decided, line(['conflict', conflict])];
    }
    case 'pull':
      return pageLines(answer.answer);
  }
}

function pageLines(page: Extract<ModelAnswer, { readonly kind: 'pull' }>['answer']): Line[] {
  if (page === 'diverged' || page === 'rescoped') return [page];
  return [
    line(['page', page.isHead ? 'last' : 'more'], [placeName(page.from), placeName(page.to)]),
    ...page.units.map(({ id, edition, isCommutative, position, total, author, events }) =>
      line(['shows', position, total, id, kindOf(isCommutative), `by:${author}`, ...events.map(eventText)], [editionName(edition)]),
    ),
  ]; // prettier-ignore
}

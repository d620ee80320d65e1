/**
 * What the model and the shipped code call the same things: the whole of what is mapped, when a trace is replayed.
 *
 * | the model                       | the code                                                                              |
 * | ------------------------------- | ------------------------------------------------------------------------------------- |
 * | aggregates `n1`, …              | UUIDs, one for each                                                                   |
 * | a payload, `-2 i8`              | the state of an event, in UTF-8; the topic says which release has come with it        |
 * | a unit `u8`                     | a UUID with that number; `derived(…)` and `u8+`: what `derived-unit-id.ts` says       |
 * | an edition `u8/…`, a cursor, a digest | whatever the code makes of it. The same always for the same, and never for two: found out on the way |
 * | `ID_TAKEN`, `LOST_BASE`         | `FORBIDDEN`, `LOST`                                                                   |
 * | scopes                          | what is visible; both of them: everything                                            |
 * | positions                       | the same: they count events                                                           |
 *
 * @module
 */
import { derivedUnitId, retriedUnitId } from '../../src/persistence/derived-unit-id.js';
import type { OriginatorId, StoredEvent } from '../../src/persistence/stored-event.js';
import type { EditionId, UnitId } from '../../src/persistence/unit.js';
import { AGGREGATES, isOfSecondRelease, OLD_AGGREGATE } from './domain.js';
import { eventText } from './trace-lines.js';
import type { ModelEvent } from './unit-types.js';

const ALL_AGGREGATES = [OLD_AGGREGATE, ...AGGREGATES];
const UNIT_ID = /^(\d{8})-0000-4000-8000-000000000000$/;
const MODEL_UNIT = /^u(\d+)$/;

export class ReplayNames {
  readonly #units = new Map<UnitId, string>();
  /** Of editions, cursors and digests, both ways. */
  readonly #toCode = new Map<string, string>();
  readonly #toModel = new Map<string, string>();

  originatorId(aggregate: string): OriginatorId {
    return `00000000-0000-4000-9000-00000000000${ALL_AGGREGATES.indexOf(aggregate)}`;
  }

  aggregate(originatorId: OriginatorId): string {
    const aggregate = ALL_AGGREGATES[Number(originatorId.at(-1))];
    return aggregate !== undefined && this.originatorId(aggregate) === originatorId ? aggregate : originatorId;
  }

  toEvent({ aggregate, version, payload }: ModelEvent): StoredEvent {
    return {
      originatorId: this.originatorId(aggregate),
      originatorVersion: version,
      topic: isOfSecondRelease(payload) ? 'Counted' : 'Changed',
      state: new TextEncoder().encode(payload),
    };
  }

  fromEvent({ originatorId, originatorVersion: version, state }: StoredEvent): ModelEvent {
    return { aggregate: this.aggregate(originatorId), version, payload: new TextDecoder().decode(state) };
  }

  eventText(event: StoredEvent): string {
    return eventText(this.fromEvent(event));
  }

  unitId(name: string): UnitId {
    const id = this.#madeOf(name);
    this.#units.set(id, name);
    return id;
  }

  #madeOf(name: string): UnitId {
    if (name.endsWith('+')) return retriedUnitId(this.unitId(name.slice(0, -1)));
    const number = MODEL_UNIT.exec(name)?.[1];
    if (number !== undefined) return `${number.padStart(8, '0')}-0000-4000-8000-000000000000`;
    const [aggregate = '', version = '', payload = ''] = /^derived\((.*)\)$/.exec(name)?.[1]?.split(',') ?? [];
    return derivedUnitId(this.toEvent({ aggregate, version: Number(version), payload }));
  }

  /** @param events - by which a derived id is known */
  unitName(id: UnitId, events: readonly StoredEvent[] = []): string {
    const number = UNIT_ID.exec(id)?.[1];
    if (number !== undefined) return `u${Number(number)}`;
    const [event] = events;
    if (event !== undefined && derivedUnitId(event) === id) {
      const { aggregate, version, payload } = this.fromEvent(event);
      this.#units.set(id, `derived(${aggregate},${version},${payload})`);
    }
    return this.#units.get(id) ?? id;
  }

  /** Takes that two names are of one thing. @returns what is wrong with that, if something is */
  same(model: string, code: string): string | undefined {
    const isNamed = (name: string): boolean => name === 'start' || name === 'nothing';
    if (isNamed(model) || isNamed(code)) return model === code ? undefined : `${model} is ${code}`;
    const [known, of] = [this.#toCode.get(model), this.#toModel.get(code)];
    if (known !== undefined && known !== code) return `${model} was ${known}, and is ${code}`;
    if (of !== undefined && of !== model) return `${code} was ${of}, and is ${model}`;
    this.#toCode.set(model, code);
    this.#toModel.set(code, model);
    return undefined;
  }

  /** The edition that the code has for one of the model's, where that was seen. */
  edition(name: string): EditionId | undefined {
    return this.#toCode.get(`edition:${name.replaceAll(' ', '_')}`)?.slice('edition:'.length);
  }
}

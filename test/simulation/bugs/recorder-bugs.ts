/**
 * Bugs of a store, and of who decides again, put in front of sound ones.
 *
 * @module
 */
import { randomUuid } from '../../../src/util/random-uuid.js';
import type { UnitId } from '../../../src/persistence/unit.js';
import type { WrapTab } from '../world/sim-tab.js';

type WrapRecorder = NonNullable<WrapTab['recorder']>;
type Recorder = Parameters<WrapRecorder>[0];
type WrapDecider = NonNullable<WrapTab['decider']>;

/** Moves the cursor over what it has not stored: of a page of several units, the last one is to come later. */
export const cursorBeforeRows: WrapRecorder = (recorder) =>
  instead(recorder, {
    insertPage: (page, options) =>
      recorder.insertPage({ ...page, units: page.units.length < 2 ? page.units : page.units.slice(0, -1) }, options),
  });

/** Takes what was sent for what has arrived. */
export const sendOnce: WrapRecorder = (recorder) => {
  const sent = new Set<UnitId>();
  return instead(recorder, {
    async selectPendingUnits(after, limits) {
      const units = await recorder.selectPendingUnits(after, limits);
      const fresh = units.filter(({ id }) => !sent.has(id));
      for (const { id } of fresh) sent.add(id);
      return fresh;
    },
  });
};

/** Sends a unit under another id each time. */
export const idForEachPush: WrapRecorder = (recorder) =>
  instead(recorder, {
    async selectPendingUnits(after, limits) {
      const units = await recorder.selectPendingUnits(after, limits);
      return units.map((unit) => ({ ...unit, id: randomUuid() }));
    },
  });

/** Does not offer what the server has lost. */
export const healNothing: WrapRecorder = (recorder) =>
  instead(recorder, { selectLostUnits: () => Promise.resolve([]) });

/** Goes on with what the server has refused. */
export const setNothingAside: WrapRecorder = (recorder) => instead(recorder, { setAside: () => Promise.resolve([]) });

/** Leaves out the last unit that was to be decided. */
export const skipUnit: WrapDecider = (decider) => ({
  async decideAgain(superseded) {
    const { decided, units } = await decider.decideAgain(superseded);
    return { decided: decided.map((one, at) => (at === decided.length - 1 ? { id: one.id } : one)), units };
  },
});

/** Gives events the next versions, whatever has come in between. */
export const decideNothing: WrapDecider = () => ({
  async decideAgain(superseded) {
    const { units, aggregates } = superseded;
    const versions = new Map(
      aggregates.map(({ originatorId, version, events }) => [
        originatorId,
        events.at(-1)?.originatorVersion ?? Math.max(0, version),
      ]),
    );
    const decided = units.map(({ id, events, isCommutative }) => ({
      id,
      isCommutative,
      events: events.map((event) => {
        const originatorVersion = (versions.get(event.originatorId) ?? 0) + 1;
        versions.set(event.originatorId, originatorVersion);
        return { ...event, originatorVersion };
      }),
    }));
    return { decided, units: [] };
  },
});

/** Some methods are others. */
function instead(recorder: Recorder, methods: Partial<Recorder>): Recorder {
  return new Proxy(recorder, {
    get(inner, name) {
      const method: unknown = Reflect.get(methods, name) ?? Reflect.get(inner, name, inner);
      return typeof method === 'function' ? (method as (...given: unknown[]) => unknown).bind(inner) : method;
    },
  });
}

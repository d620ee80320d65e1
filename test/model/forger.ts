/**
 * A member of a tenant who plays foul: offers what no server has said, asks for another tenant's log, tries the ids of
 * others.
 *
 * @module
 */
import type { SeededRandom } from '../soak/seeded-random.js';
import type { Addressed, ModelAnswer, ModelRequest, ModelServer } from './model-server.js';
import type { SealedUnit } from './unit-types.js';
import type { Witness } from './witness.js';

type AskForged = (from: Addressed, request: ModelRequest, of?: SealedUnit) => ModelAnswer;

/** What a forger needs beside. */
export interface ForgersMeans {
  readonly fresh: () => string;
  readonly ask: AskForged;
}

/** An offer, and the unit of a page that it was made of. */
interface Offered {
  readonly unit: SealedUnit;
  readonly of: SealedUnit;
}

export class Forger {
  readonly #random: SeededRandom;
  readonly #server: ModelServer;
  readonly #witness: Witness;
  readonly #fresh: () => string;
  readonly #ask: AskForged;
  /** Sound seals that came by, of any tenant. */
  readonly #seen: SealedUnit[] = [];

  /** @param ask - asks the server, with the unit of a page that an offer was made of */
  constructor(random: SeededRandom, server: ModelServer, witness: Witness, { fresh, ask }: ForgersMeans) {
    this.#random = random;
    this.#server = server;
    this.#witness = witness;
    this.#fresh = fresh;
    this.#ask = ask;
  }

  overhear(units: readonly SealedUnit[]): void {
    for (const unit of units) this.#seen.push(unit);
  }

  /** One mischief as `subject`, who belongs to `tenant`, against `other`, a tenant of strangers, or the own one. */
  act(subject: string, tenant: string, other: string): void {
    this.#random.weighted<() => void>([
      [1, () => this.#spy(subject, other)],
      [2, () => this.#probe(subject, tenant)],
      [1, () => this.#follow(subject, tenant)],
      [3, () => this.#offer(subject, tenant, this.#forged(tenant))],
      [3, () => this.#offer(subject, tenant, this.#overheard())],
    ])();
  }

  #spy(subject: string, tenant: string): void {
    const request = { kind: 'pull', after: { position: 0, hash: 0, scopes: '' }, held: [], limit: 100 } as const;
    const { kind } = this.#ask({ subject, tenant }, request);
    if (kind !== 'forbidden') this.#witness.fail(`${subject} was answered by ${tenant}`);
  }

  /** Sends something of its own under an id that it has seen. */
  #probe(subject: string, tenant: string): void {
    const known = this.#server.log(tenant).units.filter(({ author }) => author !== subject && author !== '');
    if (known.length === 0) return;
    const { id } = this.#random.pick(known);
    const events = [{ aggregate: 'n1', version: 1, payload: '1 forged' }];
    const unit = { id, edition: id, isCommutative: false, after: {}, events };
    const answer = this.#ask({ subject, tenant }, { kind: 'push', units: [unit] });
    if (answer.kind === 'push' && answer.answer.decisions.some(({ kind }) => kind === 'accepted')) {
      this.#witness.fail(`${subject} was told of ${id}`);
    }
  }

  /** Sends what fits anywhere, as if after an id that it has seen. */
  #follow(subject: string, tenant: string): void {
    const known = this.#server.log(tenant).units.filter(({ author }) => author !== subject);
    if (known.length === 0) return;
    const follows = this.#random.pick(known).id;
    const id = this.#fresh();
    const { version, edition } = this.#server.log(tenant).heads.get('n1') ?? { version: 0, edition: '' };
    const events = [{ aggregate: 'n1', version: version + 1, payload: '9 forged' }];
    const unit = { id, edition: id, isCommutative: false, after: { n1: edition }, events };
    const answer = this.#ask({ subject, tenant }, { kind: 'push', units: [unit], follows });
    if (answer.kind === 'push' && answer.answer.conflict === undefined) {
      this.#witness.fail(`${subject} was told that ${follows} is known`);
    }
  }

  #offer(subject: string, tenant: string, offered: Offered | undefined): void {
    if (offered !== undefined) this.#ask({ subject, tenant }, { kind: 'heal', units: [offered.unit] }, offered.of);
  }

  #overheard(): Offered | undefined {
    const unit = this.#seen.length === 0 ? undefined : this.#random.pick(this.#seen);
    return unit && { unit, of: unit };
  }

  /** What would fit, with the seal of something else. */
  #forged(tenant: string): Offered | undefined {
    const { heads } = this.#server.log(tenant);
    const model = this.#seen.at(-1);
    if (model === undefined) return undefined;
    const aggregate = this.#random.pick(['n1', 's1']);
    const { version, edition } = heads.get(aggregate) ?? { version: 0, edition: '' };
    const id = this.#random.chance(0.5) ? this.#fresh() : model.id;
    const events = [{ index: 0, aggregate, version: version + 1, payload: '9 forged' }];
    const unit = { ...model, id, edition: id, after: { [aggregate]: edition }, events, total: 1 };
    return { unit, of: model };
  }
}

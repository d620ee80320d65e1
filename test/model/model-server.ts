/**
 * The server: logs of several tenants, who belongs to which, and who may see what. No state for each device.
 *
 * @module
 */
import { isForbidden, scopeOf, type Scope } from './domain.js';
import type { LoggedUnit, ModelLog } from './model-log.js';
import { emptyLog, insertBeside, skipPosition, tableVersion } from './model-log.js';
import type { PartAnswer, PartQuestion } from './server-bootstrap.js';
import { readPart } from './server-bootstrap.js';
import type { Asker, HealAnswer, ModelPush, PageAnswer, PushAnswer, ServerRules } from './server-rules.js';
import { adopt, commonPlace, decidePush, heal, readDigest, readPage } from './server-rules.js';
import type { Mode } from './switches.js';
import type { ModelCursor, SealedUnit } from './unit-types.js';

/** A request as it arrives: what the token says, and what the address says. */
export interface Addressed {
  readonly subject: string;
  readonly tenant: string;
}

export type ModelRequest =
  | ({ readonly kind: 'push' } & ModelPush)
  | {
      readonly kind: 'pull';
      readonly after: ModelCursor;
      readonly held: readonly ModelCursor[];
      readonly limit: number;
    }
  | { readonly kind: 'common'; readonly marks: readonly ModelCursor[] }
  | { readonly kind: 'heal'; readonly units: readonly SealedUnit[] }
  | ({ readonly kind: 'part' } & PartQuestion)
  | { readonly kind: 'digest'; readonly aggregate: string; readonly version: number };

export type ModelAnswer =
  | { readonly kind: 'push'; readonly answer: PushAnswer }
  | { readonly kind: 'pull'; readonly answer: PageAnswer }
  | { readonly kind: 'common'; readonly common: ModelCursor }
  | { readonly kind: 'heal'; readonly answer: HealAnswer }
  | { readonly kind: 'part'; readonly answer: PartAnswer }
  | { readonly kind: 'digest'; readonly digest: number | undefined }
  | { readonly kind: 'forbidden' };

interface Member {
  readonly tenant: string;
  scopes: readonly Scope[];
}

export class ModelServer {
  readonly #logs = new Map<string, ModelLog>();
  readonly #members = new Map<string, Member>();
  readonly #rules: ServerRules;
  readonly #accepted: (tenant: string, unit: LoggedUnit) => void;

  /**
   * @param accepted - told of every unit that was accepted by a push, or adopted, and of none that was healed
   */
  constructor(mode: Mode, fresh: () => string, accepted: (tenant: string, unit: LoggedUnit) => void) {
    this.#rules = { mode, fresh, sealKey: 'not in the database' };
    this.#accepted = accepted;
  }

  addTenant(tenant: string): void {
    this.#logs.set(tenant, emptyLog(tenant));
  }

  addMember(subject: string, tenant: string, scopes: readonly Scope[]): void {
    this.#members.set(subject, { tenant, scopes });
  }

  scopesOf(subject: string): readonly Scope[] {
    return this.#member(subject).scopes;
  }

  grant(subject: string, scopes: readonly Scope[]): void {
    this.#member(subject).scopes = scopes;
  }

  get rules(): ServerRules {
    return this.#rules;
  }

  /** Also a backup. */
  log(tenant: string): ModelLog {
    const log = this.#logs.get(tenant);
    if (log === undefined) throw new Error(`There is no tenant ${tenant}.`);
    return log;
  }

  restore(backup: ModelLog): void {
    this.#logs.set(backup.tenant, backup);
  }

  /** Another program inserts the next event of an aggregate into the table. */
  insertBeside(tenant: string, aggregate: string, payload: string): void {
    const log = this.log(tenant);
    this.restore(insertBeside(log, { aggregate, version: tableVersion(log, aggregate) + 1, payload }));
  }

  /** An insert that failed has taken a position. */
  skipPosition(tenant: string): void {
    if (!this.#rules.mode.hasGaps) return;
    this.restore(skipPosition(this.log(tenant)));
  }

  handle(from: Addressed, request: ModelRequest): ModelAnswer {
    const { mode } = this.#rules;
    const { tenant } = this.#member(from.subject);
    if (from.tenant !== tenant && mode.broken !== 'any-tenant') return { kind: 'forbidden' };
    const before = this.log(from.tenant);
    const adopted = mode.broken === 'adopt-late' ? before : adopt(before, this.#rules);
    const { log, answer } = this.#answer(adopted, this.#asker(from.subject), request);
    const after = mode.broken === 'adopt-late' ? adopt(log, this.#rules) : log;
    this.restore(after);
    for (const unit of after.units.slice(before.units.length)) {
      if (request.kind === 'push' || unit.author === '') this.#accepted(from.tenant, unit);
    }
    return answer;
  }

  #answer(log: ModelLog, asker: Asker, request: ModelRequest): { log: ModelLog; answer: ModelAnswer } {
    const rules = this.#rules;
    switch (request.kind) {
      case 'push': {
        const pushed = decidePush(log, request, asker, rules);
        return { log: pushed.log, answer: { kind: 'push', answer: pushed.answer } };
      }
      case 'pull':
        return { log, answer: { kind: 'pull', answer: readPage(log, request, asker, rules) } };
      case 'common':
        return { log, answer: { kind: 'common', common: commonPlace(log, request.marks, asker, rules) } };
      case 'heal': {
        const healed = heal(log, request.units, rules);
        return { log: healed.log, answer: { kind: 'heal', answer: healed.answer } };
      }
      case 'part':
        return { log, answer: { kind: 'part', answer: readPart(log, request, asker, rules) } };
      case 'digest':
        return { log, answer: { kind: 'digest', digest: readDigest(log, request, asker, rules) } };
    }
  }

  #asker(subject: string): Asker {
    const { scopes } = this.#member(subject);
    return {
      subject,
      scopes: scopesId(scopes),
      maySee: (aggregate) => scopes.includes(scopeOf(aggregate)),
      refuse: ({ events }) => (isForbidden(events.map(({ payload }) => payload)) ? 'FORBIDDEN_AMOUNT' : undefined),
    };
  }

  #member(subject: string): Member {
    const member = this.#members.get(subject);
    if (member === undefined) throw new Error(`Nobody is called ${subject}.`);
    return member;
  }
}

export function scopesId(scopes: readonly Scope[]): string {
  return scopes.length === 0 ? '-' : [...scopes].sort().join('+');
}

import { ProgrammingError } from '../../persistence/errors.js';

/** Which definition was replaced by which. */
export interface ReplacedDefinition extends Readonly<Record<string, string | number>> {
  readonly projection: string;
  /** Of the definition that was replaced. */
  readonly version: number;
  /** Of the definition that the view is of now. */
  readonly stored: number;
}

/**
 * A view is not of what is confirmed alone, so it cannot be compared with others'. `details` say why: `pendingUnits` that are
 * in it, `deadLetters` that nobody has settled, or neither, where it is still to be made of what is confirmed.
 */
export class ViewUnsettledError extends ProgrammingError {
  static override readonly code: string = 'VIEW_UNSETTLED';
}

/**
 * The view of a projection is of a later definition: of a higher version, or of another definition of the same version
 * that has replaced this one. It was left as it is; a commit that it is in line with was refused, and nothing of it stored.
 * Usually an older release of the program still runs beside a newer one, and is to be ended.
 */
export class ProjectionReplacedError extends ProgrammingError {
  static override readonly code: string = 'PROJECTION_REPLACED';

  constructor(details: ReplacedDefinition) {
    const { projection, version, stored } = details;
    super(
      `The view of the projection ${projection} is of a later definition (version ${stored}${stored === version ? ', which replaced this one of the same version' : `; this one is version ${version}`}), and was left as it is. Is this an older release? End it. Is this definition the newer one? Raise its version above ${stored}. Is it to come back, after a rollback or while it is being developed? End the other release, and call rebuild({ isRollback: true }) or reset({ isRollback: true }) of a ProjectionRunner.`,
      { details },
    );
  }
}

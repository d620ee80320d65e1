/**
 * Which fields of an event are about whom: declared with the event, so that they can be encrypted by a key that is that
 * person's alone, and nobody can read them any more when the key is gone.
 *
 * @module
 */
import type { EventData } from './event-versions.js';

/** One field that is personal. */
export interface PersonalField<Data extends object, Value> {
  /**
   * Whom it is about: the field that names the person (a customer's id), or what finds it in the data. A text of 1 to 255
   * characters; choose one that says nothing of the person by itself, because it stays readable.
   */
  readonly subject: (keyof Data & string) | ((data: Data) => string);
  /** What is read in its place when the person was forgotten. Of the field's own type, so that schemas and views take it. */
  readonly forgotten: Value;
}

/** The fields of each element of a list: whom they are about is said by the element. */
export interface PersonalElements<Element extends object> {
  readonly each: PersonalFields<Element>;
}

/**
 * The personal fields of some data. A field that events of an older version have is named as well, under its old name: what
 * is forgotten is put in its place before upcasts run.
 */
export type PersonalFields<Data extends object> = {
  readonly [Field in keyof Data]?:
    | PersonalField<Data, Data[Field]>
    | (NonNullable<Data[Field]> extends readonly (infer Element extends object)[] ? PersonalElements<Element> : never);
};

/** {@link PersonalFields} of whatever data. */
export type AnyPersonalFields = Readonly<Record<string, AnyPersonalField>>;

/** A {@link PersonalField}, or the fields of elements. */
export type AnyPersonalField =
  | { readonly subjectOf: (data: EventData) => unknown; readonly forgotten: unknown }
  | { readonly each: AnyPersonalFields };

/** Personal fields in the form in which they are kept. @throws TypeError when a declaration is none */
export function personalFields(declared: object): AnyPersonalFields {
  return Object.fromEntries(Object.entries(declared).map(([field, one]) => [field, personalField(field, one)]));
}

function personalField(field: string, declared: unknown): AnyPersonalField {
  const { each, subject, forgotten } = (declared ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof each === 'object' && each !== null) return { each: personalFields(each) };
  if (typeof subject === 'function') {
    return { subjectOf: subject as (data: EventData) => unknown, forgotten: required(field, declared, forgotten) };
  }
  if (typeof subject !== 'string') {
    throw new TypeError(`The personal field ${field} needs to say whom it is about: { subject, forgotten }.`);
  }
  return { subjectOf: (data) => data[subject], forgotten: required(field, declared, forgotten) };
}

function required(field: string, declared: unknown, forgotten: unknown): unknown {
  if (Object.hasOwn(declared as object, 'forgotten')) return forgotten;
  throw new TypeError(
    `The personal field ${field} needs to say what is read when the person was forgotten: { forgotten }.`,
  );
}

import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { NAME_LENGTH_MAX } from '../page-settings.js';
import { Icon } from './icons.js';

/** Parts of {@link CounterName}. */
export interface CounterNameProps {
  readonly name: string;
  readonly change: (name: string) => void;
}

/** Who counts on this device, and a way to say it. */
export function CounterName({ name, change }: CounterNameProps): JSX.Element {
  const [editing, setEditing] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  // With the change itself: a frame later, somebody may be typing elsewhere, and would lose the focus.
  useLayoutEffect(() => {
    if (editing) input.current?.select();
    else if (wasEditing.current) opener.current?.focus();
    wasEditing.current = editing;
  }, [editing]);
  const close = (): void => setEditing(false);
  if (!editing) {
    return (
      <p class="counter">
        <button
          ref={opener}
          type="button"
          class="counter-name"
          data-testid="counter-name"
          onClick={() => setEditing(true)}
        >
          <span class="counter-words">
            Counting as <b>{name}</b>
          </span>
          <Icon name="pencil" />
          <span class="sr-only">Change the name</span>
        </button>
      </p>
    );
  }
  return (
    <form
      class="counter-form"
      onSubmit={(event) => {
        event.preventDefault();
        change(input.current?.value ?? '');
        close();
      }}
      onKeyDown={(event) => event.key === 'Escape' && close()}
    >
      <input
        ref={input}
        type="text"
        data-testid="counter-input"
        aria-label="Who counts on this device"
        autocomplete="nickname"
        enterKeyHint="done"
        maxLength={NAME_LENGTH_MAX}
        defaultValue={name}
      />
      <button type="submit" class="button button-main" data-testid="counter-save">
        Save
      </button>
    </form>
  );
}

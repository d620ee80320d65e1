import { command, defineDecider, event } from 'daybook/application';
import { defineState, stateOf } from 'daybook/states';
import * as v from 'valibot';

interface UserData {
  readonly name: string;
  readonly email: string;
  readonly active: boolean;
  readonly logins: number;
}

/** A user of an application. */
export const user = defineDecider({
  name: 'User',
  events: {
    Created: event<{ name: string; email: string }>(),
    EmailChanged: event<{ email: string }>(),
    Deactivated: event(),
  },
  commands: {
    Create: command<{ name: string; email: string }>(),
    ChangeEmail: command<{ email: string }>(),
    Deactivate: command(),
  },
  initialState: (): UserData => ({ name: '', email: '', active: false, logins: 0 }),
  decide: {
    Create: ({ data }, { name }) => {
      if (name !== '') throw new Error('The user is there already.');
      return { type: 'Created', data };
    },
    ChangeEmail: ({ data }, { active }) => {
      if (!active) throw new Error('The user is not active.');
      return { type: 'EmailChanged', data };
    },
    Deactivate: (_command, { active }) => (active ? { type: 'Deactivated', data: {} } : []),
  },
  evolve: {
    Created: (_state, { data }) => ({ ...data, active: true, logins: 0 }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.email }),
    Deactivated: (state) => ({ ...state, active: false }),
  },
});

/** Kept by itself from the events, in their transactions. */
export const users = stateOf(user, {
  name: 'users',
  indexes: ['email', ['active', 'name']],
  search: ['name', 'email'],
});

/** Written by hand: what the schema refuses is not stored, and what is left out has its default. */
export const profiles = defineState({
  name: 'profiles',
  schema: v.object({
    language: v.optional(v.string(), 'en'),
    newsletter: v.optional(v.boolean(), false),
  }),
});

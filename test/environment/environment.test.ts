import { describe, expect, test, vi } from 'vitest';
import { isEventSourcingError } from '../../src/domain/errors.js';
import { EnvironmentError } from '../../src/environment/environment-error.js';
import { Environment } from '../../src/environment/environment.js';

function thrownBy(call: () => unknown): EnvironmentError {
  try {
    call();
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a setting is looked up', () => {
  const values = {
    CIPHER_KEY: 'plain',
    DOGSCHOOL_CIPHER_KEY: 'own',
    CREATE_TABLE: 'no',
    DOGSCHOOL_BLANK: ' ',
    BLANK: 'x',
  };
  const environment = new Environment(values, { name: 'DogSchool' });

  test('with the name of the application first, then without', () => {
    expect(environment.keys('CIPHER_KEY')).toEqual(['DOGSCHOOL_CIPHER_KEY', 'CIPHER_KEY']);
    expect(environment.get('CIPHER_KEY')).toBe('own');
    expect(environment.get('CREATE_TABLE')).toBe('no');
    expect(environment.get('PERSISTENCE_MODULE')).toBeUndefined();
  });

  test('without a name under its plain key only', () => {
    expect(new Environment(values).keys('CIPHER_KEY')).toEqual(['CIPHER_KEY']);
    expect(new Environment(values).get('CIPHER_KEY')).toBe('plain');
  });

  test('and hidden by a blank one of the application', () => {
    expect(environment.get('BLANK')).toBe(' ');
    expect(environment.getText('BLANK')).toBeUndefined();
    expect(thrownBy(() => environment.required('BLANK')).details).toEqual({
      keys: 'DOGSCHOOL_BLANK',
      value: ' ',
      expected: 'a text that is not blank',
    });
  });

  test('among what was given only, as it was then', () => {
    const given: Record<string, string | undefined> = { A: 'a', B: undefined };
    const copied = new Environment(given);
    given['A'] = 'changed';
    expect(copied.get('A')).toBe('a');
    expect(copied.get('B')).toBeUndefined();
    expect(copied.get('constructor')).toBeUndefined();
  });
});

describe('the settings of the process', () => {
  test('are read by fromProcess and by nothing else', () => {
    vi.stubEnv('DAYBOOK_TEST_SETTING', 'set');
    expect(Environment.fromProcess().get('DAYBOOK_TEST_SETTING')).toBe('set');
    expect(Environment.fromProcess({ name: 'daybook' }).get('TEST_SETTING')).toBe('set');
    expect(new Environment().get('DAYBOOK_TEST_SETTING')).toBeUndefined();
    vi.unstubAllEnvs();
  });

  test('are none where there is no process', () => {
    vi.stubGlobal('process', undefined);
    try {
      expect(Environment.fromProcess().get('PATH')).toBeUndefined();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('booleans', () => {
  test.each([
    ...['y', 'yes', 't', 'true', 'on', '1', 'YES', 'True', ' on '].map((text) => [text, true] as const),
    ...['n', 'no', 'f', 'false', 'off', '0', 'NO', 'False', ' off '].map((text) => [text, false] as const),
  ])('%j is %s', (text, value) => {
    expect(new Environment({ CREATE_TABLE: text }).getBoolean('CREATE_TABLE', !value)).toBe(value);
  });

  test.each([undefined, '', '  '])('%j is the default', (text) => {
    const environment = new Environment({ CREATE_TABLE: text });
    expect(environment.getBoolean('CREATE_TABLE', true)).toBe(true);
    expect(environment.getBoolean('CREATE_TABLE', false)).toBe(false);
    expect(environment.getBoolean('CREATE_TABLE')).toBeUndefined();
  });

  test.each(['ja', '2', 'yess', '-', 'null'])('%j is refused', (text) => {
    const error = thrownBy(() => new Environment({ CREATE_TABLE: text }).getBoolean('CREATE_TABLE', true));
    const expected = 'one of y, yes, t, true, on, 1, n, no, f, false, off, 0';
    expect(error.details).toEqual({ keys: 'CREATE_TABLE', value: text, expected });
    expect(error.message).toBe(
      `CREATE_TABLE in the environment is invalid: ${JSON.stringify(text)}. Expected: ${expected}.`,
    );
  });
});

describe('numbers', () => {
  test.each([
    ['10', 10],
    [' 10 ', 10],
    ['-3', -3],
    ['+3', 3],
    ['007', 7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('the integer %j is %d', (text, value) => {
    expect(new Environment({ N: text }).getInteger('N')).toBe(value);
  });

  test.each([
    ['10', 10],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1_000],
    ['-2.5E-1', -0.25],
  ])('the number %j is %d', (text, value) => {
    expect(new Environment({ N: text }).getNumber('N')).toBe(value);
  });

  test.each([undefined, '', ' \t'])('%j is the default', (text) => {
    const environment = new Environment({ N: text });
    expect(environment.getInteger('N')).toBeUndefined();
    expect(environment.getInteger('N', 5)).toBe(5);
    expect(environment.getNumber('N')).toBeUndefined();
    expect(environment.getNumber('N', 0.5)).toBe(0.5);
  });

  test.each(['abc', '1.5', '1e3', '0x10', '1_000', '9007199254740993', 'Infinity', '1 2'])(
    'the integer %j is refused',
    (text) => {
      const error = thrownBy(() => new Environment({ N: text }).getInteger('N'));
      expect(error.details).toEqual({ keys: 'N', value: text, expected: 'an integer or nothing' });
    },
  );

  test.each(['abc', '.', '0x10', 'Infinity', 'NaN', '1e999', '1,5'])('the number %j is refused', (text) => {
    const error = thrownBy(() => new Environment({ N: text }).getNumber('N', 1));
    expect(error.details).toEqual({ keys: 'N', value: text, expected: 'a number or nothing' });
  });
});

describe('the error', () => {
  test('of what is not there names every key that was tried', () => {
    const error = thrownBy(() => new Environment({}, { name: 'testcase' }).required('SQLITE_DBNAME', 'a file name'));
    expect(error.message).toBe(
      'Nothing was found in the environment with keys: TESTCASE_SQLITE_DBNAME, SQLITE_DBNAME. Expected: a file name.',
    );
    expect(error.details).toEqual({ keys: 'TESTCASE_SQLITE_DBNAME, SQLITE_DBNAME', expected: 'a file name' });
    expect(error.code).toBe('ENVIRONMENT_ERROR');
    expect(isEventSourcingError(error)).toBe(true);
  });

  test('of what is wrong names the key that it was found under', () => {
    const values = { APP1_PORT: 'abc', PORT: '1' };
    expect(thrownBy(() => new Environment(values, { name: 'app1' }).getInteger('PORT')).details.keys).toBe('APP1_PORT');
    const general = new Environment({ PORT: 'abc' }, { name: 'app1' });
    expect(thrownBy(() => general.getInteger('PORT')).details.keys).toBe('PORT');
  });

  test.each(['CIPHER_KEY', 'POSTGRES_PASSWORD', 'API_TOKEN', 'CLIENT_SECRET', 'DATABASE_URL'])(
    'of %s does not tell the value',
    (key) => {
      const error = thrownBy(() => new Environment({ [key]: 'hunter2' }).getInteger(key));
      expect(error.details).toEqual({ keys: key, expected: 'an integer or nothing' });
      expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain('hunter2');
    },
  );

  test('of a long value shows its beginning', () => {
    const error = thrownBy(() => new Environment({ N: 'x'.repeat(10_000) }).getInteger('N'));
    expect(error.details.value).toHaveLength(200);
    expect(error.message.length).toBeLessThan(400);
  });
});

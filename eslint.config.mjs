// Typed lint rules. Format is Prettier's, import rules are dependency-cruiser's: neither is repeated here.
import tsdoc from 'eslint-plugin-tsdoc';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const SOURCES = ['src/**/*.ts', 'worker/**/*.ts'];
const TYPED = ['**/*.ts', '**/*.tsx'];

const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export is called something else in every file that imports it.',
};

const NO_USING = {
  selector: 'VariableDeclaration[kind=/using/]',
  message: 'WebKitGTK 2.50 cannot read `using`, and a build that rewrites it wants helpers from elsewhere.',
};

// A call takes some 100,000 arguments, by the engine and by how deep the stack is; then there is a RangeError.
const NO_SPREAD_ARRAYS = {
  selector:
    'CallExpression[callee.property.name=/^(push|unshift|splice|max|min|concat|fromCharCode|fromCodePoint)$/] > SpreadElement',
  message: 'Each element would be an argument, and a call does not take as many as an array may have: use a loop.',
};

const BY_THE_CLOCK =
  'Time and timers are a Clock’s (src/util/clock.ts): timers of the platform ring at once when they are set for too long, and tests decide how fast a clock goes.';
const NO_OWN_TIME = [
  { selector: 'Identifier[name=/^(setTimeout|setInterval)$/]', message: BY_THE_CLOCK },
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: BY_THE_CLOCK },
  { selector: "MemberExpression[object.name='performance'][property.name='now']", message: BY_THE_CLOCK },
  { selector: "MemberExpression[object.name='AbortSignal'][property.name='timeout']", message: BY_THE_CLOCK },
  {
    selector: 'BinaryExpression[operator=/^[<>]/] CallExpression[callee.property.name="nowMs"]',
    message: 'A wait or a limit goes by monotonicMs(): nowMs() jumps when somebody sets the clock.',
  },
];

export default defineConfig(
  globalIgnores(['**/dist/', '**/node_modules/', '.cache/', '.daybook/', 'test-results/', 'playwright-report/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: TYPED,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An environment variable that is set to nothing counts as not set: `||` is meant for texts.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      // Wants `!` for `as T`, which the preset forbids elsewhere; an `as` says what the index is known to hold.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // A getter on the prototype takes no place in each object, and is no property that comparisons see.
      '@typescript-eslint/class-literal-property-style': 'off',
      // Exports say their types in full, so that declarations can be made file by file.
      '@typescript-eslint/no-inferrable-types': 'off',
      // `async` without `await` turns what is thrown into a rejection, as a method that promises must.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-invalid-void-type': ['error', { allowAsThisParameter: true }],
      // Numbers in messages are meant: ids, counts, milliseconds.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => void f()` and `() => emit()` say plainly that the result is dropped.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },
  {
    files: SOURCES,
    plugins: { tsdoc },
    rules: { 'tsdoc/syntax': 'error' },
  },
  {
    // A library speaks through what it returns and throws; a server has an operator who reads along, a command whoever gave it.
    files: SOURCES,
    ignores: ['src/server/**', 'src/hub/**', 'src/cli/daybook.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['src/**/*.ts', 'worker/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_USING, NO_SPREAD_ARRAYS, ...NO_OWN_TIME] },
  },
  {
    // Suites record as much as they say.
    files: ['src/testing/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_USING, ...NO_OWN_TIME] },
  },
  {
    // The clock itself; and the one that compares times of two machines, which only their clocks can tell.
    files: ['src/util/clock.ts', 'src/publishing/webhook-signature.ts'],
    rules: { 'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_USING, NO_SPREAD_ARRAYS] },
  },
  {
    // What insecure origins lack has one door each.
    files: ['src/**/*.ts', 'worker/**/*.ts', 'demo/**/*.{ts,tsx}'],
    ignores: ['src/persistence/web-crypto.ts', 'src/origin/web-locks.ts', '**/*.test.ts', 'demo/server/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'crypto', property: 'randomUUID', message: 'Use randomUuid: it is there on insecure origins too.' },
        { object: 'crypto', property: 'subtle', message: 'Use webCrypto: it says so where there is none.' },
        { object: 'navigator', property: 'locks', message: 'Use web-locks.ts: there may be none.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'demo/**/*.test.ts'],
    rules: {
      // Tests hand over what no typed caller would.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: globals.node },
    rules: { 'no-undef': 'error', 'no-unused-vars': 'error', eqeqeq: 'error', 'prefer-const': 'error' },
  },
  {
    // What the contenders export is known only after the benchmark has installed them; a promise must be minded all the same.
    files: ['bench/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
  {
    // Configurations are read as default exports, and declarations describe the modules of others.
    files: ['**/*.config.ts', 'test/support/*-setup.ts', '**/*.d.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);

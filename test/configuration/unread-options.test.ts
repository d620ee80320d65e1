/** Options of the published entries that no code reads: they would be accepted and passed over. */
import ts from 'typescript';
import { expect, test } from 'vitest';
import { isOurs, openProgram, publishedSymbols, root } from '../support/published-types.js';

// The whole of src is compiled.
const LIMIT_MS = 120_000;
/** What people fill in. What is only handed to them is not in question. */
const FILLED_IN = /(?:Options|Settings|Config|Policy|Definition|Filter|Bounds|Wire)$/;

/** Options that are passed on whole, or copied, into what reads them by a type of its own: by that. */
const PASSED_ON: Readonly<Record<string, string>> = {
  'EnvelopeOptions.transcoder': 'OutboxEventDataOptions',
  ...Object.fromEntries(
    ['data', 'enabled', 'name', 'publisher', 'snapshot', 'store'].map((key) => [
      `EventSourcingConfig.${key}`,
      'ConfigSection, by its name; every-setting.test.ts',
    ]),
  ),
  'ReadAllOptions.topics': 'SelectNotificationsOptions',
  'RequestLimitOptions.bytesPerMinute': 'limit-options.ts, by its name',
  'RequestLimitOptions.requestsPerSecond': 'limit-options.ts, by its name',
  'SelectLogOptions.stop': 'SelectNotificationsOptions',
  'SelectLogOptions.topics': 'SelectNotificationsOptions',
  'SqlProjectionDefinition.from': 'BaseDefinition',
  'SqlProjectionDefinition.on': 'BaseDefinition',
  'SqlProjectionDefinition.version': 'BaseDefinition',
  'StoreConfig.provider': 'ConfigSection, by its name; every-setting.test.ts',
  'StoreConfig.url': 'ConfigSection, by its name; every-setting.test.ts',
  'SubscribeOptions.gt': 'FollowOptions',
  'SubscribeOptions.signal': 'FollowOptions',
  'SubscribeOptions.topics': 'FollowOptions',
  'SystemOptions.clock': 'ProcessRunnerOptions',
};

/** The names of the options, by their declarations. */
type Declared = Map<ts.Declaration, string>;

function declaredOptions(program: ts.Program): Declared {
  const checker = program.getTypeChecker();
  const declared: Declared = new Map();
  for (const symbol of publishedSymbols(program)) {
    if (!FILLED_IN.test(symbol.name)) continue;
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const parts = type.isUnion() ? type.types : [type];
    for (const property of parts.flatMap((part) => checker.getPropertiesOfType(part))) {
      for (const declaration of property.declarations ?? []) {
        if (isOurs(declaration)) declared.set(declaration, `${symbol.name}.${property.name}`);
      }
    }
  }
  return declared;
}

/** The property that a node reads, if it does. */
function readBy(node: ts.Node, checker: ts.TypeChecker): ts.Symbol | undefined {
  if (ts.isPropertyAccessExpression(node)) return checker.getSymbolAtLocation(node.name);
  if (ts.isElementAccessExpression(node)) return checker.getSymbolAtLocation(node.argumentExpression);
  if (!ts.isBindingElement(node) || !ts.isObjectBindingPattern(node.parent)) return undefined;
  const name = node.propertyName ?? node.name;
  return ts.isIdentifier(name) ? checker.getTypeAtLocation(node.parent).getProperty(name.text) : undefined;
}

function unreadOptions(program: ts.Program): readonly string[] {
  const checker = program.getTypeChecker();
  const unread = declaredOptions(program);
  const visit = (node: ts.Node): void => {
    for (const declaration of readBy(node, checker)?.declarations ?? []) unread.delete(declaration);
    ts.forEachChild(node, visit);
  };
  for (const file of program.getSourceFiles()) {
    const isSource = file.fileName.startsWith(root) && !file.fileName.includes('/node_modules/');
    if (isSource && !file.fileName.includes('/src/testing/')) visit(file);
  }
  return [...new Set(unread.values())].sort();
}

test(
  'every option of the published entries is read by somebody, under its own name or one that it is passed on to',
  () => {
    const program = openProgram();
    expect(declaredOptions(program).size).toBeGreaterThan(250);
    // Both ways: what is said of one that is read, or is gone, is not true any more.
    expect(unreadOptions(program)).toEqual(Object.keys(PASSED_ON).sort());
  },
  LIMIT_MS,
);

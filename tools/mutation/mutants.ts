// SPDX-License-Identifier: Apache-2.0
import ts from 'typescript';

/** One change of a source file that a test should notice. */
export interface Mutant {
  /** Stable while the file does not change: `line:column operator`. */
  readonly id: string;
  readonly line: number;
  readonly original: string;
  readonly replacement: string;
  readonly source: string;
}

const swaps: Readonly<Partial<Record<ts.SyntaxKind, string>>> = {
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.AmpersandAmpersandToken]: '||',
  [ts.SyntaxKind.BarBarToken]: '&&',
  [ts.SyntaxKind.PlusToken]: '-',
  [ts.SyntaxKind.MinusToken]: '+',
  [ts.SyntaxKind.AmpersandToken]: '|',
};
const methods: Readonly<Record<string, string>> = { every: 'some', some: 'every', filter: 'map' };

/**
 * The classical changes: a condition that is always or never true, a comparison or connective swapped, a bound moved, a statement left out, a
 * number off by one, a boolean turned, `passed` for `failed` and back.
 */
export function mutantsOf(source: string): Mutant[] {
  const file = ts.createSourceFile('mutated.ts', source, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const add = (node: ts.Node, replacement: string, operator: string): void => {
    const start = node.getStart(file);
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    found.push({
      id: `${String(line + 1)}:${String(character + 1)} ${operator}`,
      line: line + 1,
      original: node.getText(file),
      replacement,
      source: source.slice(0, start) + replacement + source.slice(node.getEnd()),
    });
  };
  const condition = (node: ts.Expression): void => {
    add(node, 'true', 'always');
    add(node, 'false', 'never');
  };
  const visit = (node: ts.Node): void => {
    // Types and imports are gone at run time.
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const swap = swaps[node.operatorToken.kind];
      const text = node.left.getText(file) + node.right.getText(file);
      // To swap the plus of two texts says nothing.
      if (swap !== undefined && !(node.operatorToken.kind === ts.SyntaxKind.PlusToken && /['"`]/.test(text)))
        add(node.operatorToken, swap, 'swapped');
      if (node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken)
        add(node, node.left.getText(file), 'no default');
    }
    if (ts.isIfStatement(node)) condition(node.expression);
    if (ts.isConditionalExpression(node)) condition(node.condition);
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText(file), 'not negated');
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false', 'turned');
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true', 'turned');
    if (ts.isNumericLiteral(node)) add(node, `(${node.getText(file)} + 1)`, 'off by one');
    if (ts.isBigIntLiteral(node)) add(node, `(${node.getText(file)} + 1n)`, 'off by one');
    if (ts.isExpressionStatement(node)) add(node, ';', 'left out');
    if (ts.isThrowStatement(node)) add(node, ';', 'left out');
    if (ts.isPropertyAccessExpression(node) && Object.hasOwn(methods, node.name.text))
      add(node.name, methods[node.name.text] as string, 'other method');
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const { text } = node.expression;
      if (text === 'passed') add(node.expression, 'failed', 'other outcome');
      if (text === 'failed') add(node.expression, 'passed', 'other outcome');
      if (text === 'notApplicable' || text === 'notReached') add(node.expression, 'passed', 'other outcome');
    }
    if (ts.isArrayLiteralExpression(node) && node.elements.length === 1) add(node, '[]', 'emptied');
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

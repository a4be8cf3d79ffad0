// SPDX-License-Identifier: Apache-2.0
import ts from 'typescript';

/** One change of a source file that a test should notice. */
export interface Mutant {
  /** Stable while the file does not change: `line:column operator`. */
  readonly id: string;
  readonly original: string;
  readonly replacement: string;
}

/** A mutant and where it is put. */
interface Place {
  readonly mutant: Mutant;
  /** The node that is written twice, as it is and as it is changed. */
  readonly host: ts.Node;
  /** The host as it is changed. */
  readonly text: string;
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

/** A mutant in an instrumented source. */
interface Numbered {
  readonly number: number;
  /** Of the host, as it is changed. */
  readonly text: string;
}

/** The mutants of a source, in the order in which {@link instrument} numbers them. */
export function mutantsOf(source: string): Mutant[] {
  return placesOf(source, parse(source)).map(({ mutant }) => mutant);
}

/**
 * The source with all of its mutants in it at once. `mutant(n)` says whether number `n` is the one that is to act, and so
 * tells on the way which tests come by it.
 * @param first - number of the first mutant
 */
export function instrument(source: string, first: number): string {
  const file = parse(source);
  const hosts = new Map<ts.Node, Numbered[]>();
  for (const [index, { host, text }] of placesOf(source, file).entries())
    hosts.set(host, [...(hosts.get(host) ?? []), { number: first + index, text }]);
  /** Of what is changed the text is the source's own: only one mutant acts at a time. */
  const write = (node: ts.Node): string => {
    const mutants = hosts.get(node);
    if (ts.isPropertyAccessExpression(node) && mutants?.length === 1) return method(node, mutants);
    const children: ts.Node[] = [];
    ts.forEachChild(node, (child) => {
      children.push(child);
    });
    let at = node.getStart(file);
    let body = '';
    for (const child of children.sort((a, b) => a.pos - b.pos)) {
      body += source.slice(at, child.getStart(file)) + write(child);
      at = child.getEnd();
    }
    body += source.slice(at, node.getEnd());
    return mutants === undefined ? body : switched(node, body, mutants);
  };
  /** Only the name is chosen, or the call would lose its `this`. */
  const method = (node: ts.PropertyAccessExpression, [mutant]: readonly Numbered[]): string => {
    const { number, text } = mutant as Numbered;
    const other = text.slice(text.lastIndexOf('.') + 1);
    const optional = node.questionDotToken === undefined ? '' : '?.';
    return `${write(node.expression)}${optional}[mutant(${String(number)}) ? '${other}' : '${node.name.text}']`;
  };
  return write(file);
}

function switched(node: ts.Node, body: string, mutants: readonly Numbered[]): string {
  const acts = (number: number): string => `mutant(${String(number)})`;
  if (ts.isStatement(node)) {
    const any = mutants.map(({ number }) => acts(number)).join(' || ');
    return `{ if (${any}) {} else { ${body} } }`;
  }
  const all = mutants.map(({ number, text }) => `${acts(number)} ? (${text}) : `).join('');
  const text = `(${all}(${body}))`;
  return ts.isPropertyAssignment(node.parent) && node.parent.name === node ? `[${text}]` : text;
}

function parse(source: string): ts.SourceFile {
  return ts.createSourceFile('mutated.ts', source, ts.ScriptTarget.Latest, true);
}

/**
 * The classical changes: a condition that is always or never true, a comparison or connective swapped, a bound moved, a statement left out, a
 * number off by one, a boolean turned, `passed` for `failed` and back.
 */
function placesOf(source: string, file: ts.SourceFile): Place[] {
  const found: Place[] = [];
  const add = (node: ts.Node, replacement: string, operator: string, host = node): void => {
    const start = node.getStart(file);
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    found.push({
      mutant: {
        id: `${String(line + 1)}:${String(character + 1)} ${operator}`,
        original: node.getText(file),
        replacement,
      },
      host,
      text:
        source.slice(host.getStart(file), start) + replacement + source.slice(node.getEnd(), host.getEnd()),
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
        add(node.operatorToken, swap, 'swapped', node);
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
      add(node.name, methods[node.name.text] as string, 'other method', node);
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

import { printable } from './escape.ts';

/** A node of a tree to print: its text, a note in brackets before it, what hangs below it. */
export interface TreeNode {
  text: string;
  note?: string;
  children: TreeNode[];
}

export function treeNode(text: string, children: TreeNode[] = [], note?: string): TreeNode {
  return note === undefined ? { text, children } : { text, note, children };
}

/**
 * The tree with lines between its nodes, as checkpointctl draws it: the root's text first, `[note]  text` for
 * nodes with a note. Texts may come from outside: they are escaped here, line breaks included.
 */
export function treeText(root: TreeNode): string {
  const lines = [label(root)];
  appendChildren(root, '', lines);
  return `${lines.join('\n')}\n`;
}

/** Levels that are indented; what is deeper hangs at the last of them, so that lines stay short. */
const deepest = 64;

function appendChildren(node: TreeNode, indent: string, lines: string[]): void {
  // A loop with its own stack: a process tree from outside may be deeper than ours may be.
  const stack = [{ children: node.children, at: 0, indent }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const child = top.children[top.at++];
    if (!child) {
      stack.pop();
      continue;
    }
    const last = top.at === top.children.length;
    lines.push(`${top.indent}${last ? '└── ' : '├── '}${label(child)}`);
    const indent = stack.length < deepest ? top.indent + (last ? '    ' : '│   ') : top.indent;
    stack.push({ children: child.children, at: 0, indent });
  }
}

function label({ text, note }: TreeNode): string {
  return note === undefined ? printable(text) : `[${printable(note)}]  ${printable(text)}`;
}

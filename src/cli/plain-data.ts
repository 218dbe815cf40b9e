import type { Printable } from '../bytes/go-json.ts';
import { type TreeNode, treeNode } from './output/tree.ts';

/*
 * Sections of a report are plain data of many shapes; these two print any of them. A bigint is an address, a
 * mask or an opaque number: hexadecimal. Bytes are shown by their length and beginning in a tree, whole in JSON.
 */

/** Most bytes of contents that a tree shows. */
const shownBytes = 48;

/** The data for JSON: bigints as `0x…`, bytes in base64, members in snake case as in the rest of the JSON. */
export function dataValue(value: unknown): Printable {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [String(key), dataValue(item)]));
  if (Array.isArray(value)) return value.map(dataValue);
  if (typeof value !== 'object') return value as string | number | boolean;
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return new Map(members.map(([key, item]) => [snakeCase(key), dataValue(item)]));
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The data as nodes of a tree; what is empty is left out. */
export function dataNodes(value: unknown): TreeNode[] {
  if (Array.isArray(value)) return value.flatMap(itemNodes);
  if (value instanceof Map) return [...value].flatMap(([key, item]) => memberNodes(String(key), item));
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, item]) => memberNodes(wordsOf(key), item));
  }
  return [treeNode(scalarText(value))];
}

/** An item of a list: on one line where it is simple enough, else by its title. */
function itemNodes(item: unknown, at: number): TreeNode[] {
  if (typeof item !== 'object' || item === null || isScalar(item) || Array.isArray(item)) {
    return memberNodes(String(at), item);
  }
  const members = Object.entries(item).filter(([, value]) => !isEmpty(value));
  const title = titles.find((name) => members.some(([key, value]) => key === name && isScalar(value)));
  const named = members.find(([key]) => key === title);
  const rest = members.filter(([key]) => key !== title);
  const head = named ? scalarText(named[1]) : String(at);
  const [only] = rest;
  if (title === 'name' && rest.length === 1 && only && isSimple(only[1])) {
    return [treeNode(`${head}: ${simpleText(only[1])}`)];
  }
  const label = title === undefined || title === 'name' || title === 'path' ? head : `${title} ${head}`;
  if (rest.length === 0) return [treeNode(label)];
  if (rest.every(([, value]) => isSimple(value))) {
    const facts = rest.map(([key, value]) => `${wordsOf(key).toLowerCase()} ${factText(key, value)}`);
    return [treeNode(`${label}: ${facts.join(', ')}`)];
  }
  return [
    treeNode(
      label,
      rest.flatMap(([key, value]) => memberNodes(wordsOf(key), value)),
    ),
  ];
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return Array.isArray(value) && value.length === 0;
}

function isSimple(value: unknown): boolean {
  return isScalar(value) || (Array.isArray(value) && value.every(isScalar));
}

function simpleText(value: unknown): string {
  return Array.isArray(value) ? value.map(scalarText).join(' ') : scalarText(value);
}

/** Modes are read in octal, times as dates. */
function factText(key: string, value: unknown): string {
  if (typeof value !== 'number') return simpleText(value);
  if (key === 'mode' || key === 'permissions') return value.toString(8).padStart(4, '0');
  if (key === 'mtime' && Math.abs(value) < 1e11)
    return new Date(value * 1000).toISOString().replace('.000Z', 'Z');
  return String(value);
}

function memberNodes(name: string, value: unknown): TreeNode[] {
  if (isEmpty(value)) return [];
  if (Array.isArray(value) && value.every(isScalar)) {
    return [treeNode(`${name}: ${value.map(scalarText).join(', ')}`)];
  }
  if (isScalar(value)) return [treeNode(`${name}: ${factText(name.toLowerCase(), value)}`)];
  const children = dataNodes(value);
  return children.length > 0 ? [treeNode(name, children)] : [];
}

/** What a member of a list is called by: the first of these that it has. */
const titles = ['pid', 'tid', 'fd', 'name', 'path', 'id', 'mountpoint', 'kind', 'start'] as const;

function isScalar(value: unknown): boolean {
  return value instanceof Uint8Array || (typeof value !== 'object' && value !== undefined);
}

function scalarText(value: unknown): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (!(value instanceof Uint8Array)) return String(value);
  const text = Buffer.from(value.subarray(0, shownBytes)).toString('latin1');
  return `${value.length} bytes "${text}"${value.length > shownBytes ? '…' : ''}`;
}

/** `closeOnExec` becomes `Close on exec`. */
export function wordsOf(name: string): string {
  const words = name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

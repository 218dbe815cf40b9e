import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { edgesForUseCases, mains, type Tier, tiers } from './tiers.ts';

export interface Import {
  from: string;
  /** A path from the root of the project for our own files, else the module's name. */
  to: string;
  typeOnly: boolean;
}

const statement =
  /^\s*(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** Every import in the TypeScript files below `folder`, tests left out. */
export function readImports(root: string, folder = 'src'): Import[] {
  const found: Import[] = [];
  for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts') || entry.endsWith('.test.ts') || entry.endsWith('.d.ts')) continue;
    const from = join(folder, entry);
    for (const [, typeOnly, fixed, lazy] of readFileSync(join(root, from), 'utf8').matchAll(statement)) {
      const target = fixed ?? lazy ?? '';
      const to = target.startsWith('.') ? relative(root, resolve(root, dirname(from), target)) : target;
      found.push({ from, to, typeOnly: typeOnly !== undefined });
    }
  }
  return found;
}

interface Place {
  tier: Tier;
  level: number;
  room: string;
}

function placeOf(file: string): Place | undefined {
  const top = tiers.at(-1);
  if (top && mains.includes(file)) return { tier: top, level: tiers.length - 1, room: file };
  const room = file.split('/')[1] ?? '';
  const level = tiers.findIndex((tier) => tier.rooms.includes(room));
  const tier = tiers[level];
  return tier && { tier, level, room };
}

function wrongImport(source: Place, to: string): string | undefined {
  const { tier } = source;
  if (!to.startsWith('src/')) {
    return to.startsWith('node:') && !tier.node ? `${tier.name} are portable` : undefined;
  }
  const target = placeOf(to);
  if (!target) return 'its folder stands on no floor; name it in scripts/tiers.ts';
  if (target.level > source.level) return `${tier.name} may not import ${target.tier.name}`;
  if (target.level === source.level && target.room !== source.room && !tier.open) {
    return `${tier.name} never import each other`;
  }
  if (tier.name === 'use-cases' && target.tier.name === 'edges' && !edgesForUseCases.includes(target.room)) {
    return 'use-cases know contracts, never an edge';
  }
  return undefined;
}

/** One line for each import that the table of tiers forbids. */
export function forbiddenImports(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const source = placeOf(from);
    const wrong = source
      ? wrongImport(source, to)
      : 'the first folder stands on no floor; name it in scripts/tiers.ts';
    return wrong ? [`${from} -> ${to}: ${wrong}`] : [];
  });
}

/** Each import cycle once, as a list of files; imports of types alone make none. */
export function importCycles(imports: readonly Import[]): string[][] {
  const graph = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) {
    if (!typeOnly && to.startsWith('src/')) graph.set(from, [...(graph.get(from) ?? []), to]);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}

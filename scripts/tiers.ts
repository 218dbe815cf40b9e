/**
 * Which room stands on which floor. Imports point down or stay inside a room; rooms on one floor meet only
 * where the floor is open. `test/import-rules.test.ts` holds the code against this table.
 */
export interface Tier {
  name: string;
  /** Folders below `src/`. */
  rooms: readonly string[];
  /** Whether rooms of this tier may import each other (never in a cycle). */
  open: boolean;
  /** Whether `node:*` modules may be imported. */
  node: boolean;
}

/** Lowest first. */
export const tiers: readonly Tier[] = [
  { name: 'ground', rooms: ['bytes', 'errors', 'gen'], open: true, node: false },
  {
    name: 'formats',
    rooms: [
      'archive',
      'criu',
      'checkpoint',
      'inspect',
      'conversion',
      'checkpointmanager',
      'kubeletstate',
      'oci',
      'api',
      'metrics',
    ],
    open: true,
    node: false,
  },
  {
    name: 'edges',
    rooms: [
      'localfs',
      'grpc',
      'runtime',
      'registry',
      'objectstore',
      'seal',
      'auth',
      'kube',
      'probe',
      'stream',
    ],
    open: true,
    node: true,
  },
  {
    name: 'use-cases',
    rooms: ['catalog', 'pods', 'nodestate', 'devicemanager', 'cpumanager', 'memorymanager'],
    open: true,
    node: true,
  },
  { name: 'surfaces', rooms: ['server', 'cli', 'controller', 'web'], open: false, node: true },
  { name: 'mains', rooms: ['daemon'], open: false, node: true },
];

/** Files that count as mains although they live in a surface's folder. */
export const mains: readonly string[] = ['src/cli/main.ts'];

/** Use-cases know contracts, never an edge; only these edge rooms are small enough to be used directly. */
export const edgesForUseCases: readonly string[] = ['localfs'];

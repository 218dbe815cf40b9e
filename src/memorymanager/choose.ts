import { CodedError } from '../errors/coded-error.ts';
import type { MemoryBlock } from '../kubeletstate/memory-manager.ts';
import { allContainers, type Container, isSidecar, type Pod } from '../pods/pod.ts';
import { free, type Machine, type MemoryEntries, mayServe, placeAll, sameCells } from './machine.ts';
import { requestedMemory } from './requested.ts';

type Blocks = ReadonlyMap<string, readonly MemoryBlock[]>;

/**
 * What each container of the pod gets: what it has, else new blocks. Memory of init containers that end serves those
 * that come after; their blocks become smaller by as much, so that all blocks together are what is reserved.
 * @param others what other pods have
 * @param optional containers that do without where nothing is free: they run
 * @throws CodedError in the kubelet's words
 */
export function chooseForPod(
  pod: Pod,
  fresh: Machine,
  others: MemoryEntries,
  known: Blocks,
  optional: ReadonlySet<string>,
): Blocks {
  let mine = new Map(known);
  const ending: string[] = [];
  const init = new Set((pod.spec.initContainers ?? []).filter((item) => !isSidecar(item)));
  for (const container of allContainers(pod)) {
    const request = requestedMemory(pod, container);
    if (request.size > 0 && !mine.has(container.name)) {
      const machine = placeAll(fresh, new Map([...others, [pod.metadata.uid, mine]]));
      const cells = chooseCells(machine, request, (at, type) => passedOn(mine, ending, at, type));
      if (cells) mine = withBlocks(mine, ending, container, cells, request);
      else if (!optional.has(container.name)) throw notFree();
    }
    if (init.has(container)) ending.push(container.name);
  }
  return mine;
}

/**
 * The fewest NUMA nodes that have enough of everything, of those the lowest; undefined where there are none.
 * @param more what these very nodes have for this pod besides what is free
 */
export function chooseCells(
  machine: Machine,
  request: ReadonlyMap<string, bigint>,
  more: (cells: readonly bigint[], resource: string) => bigint = () => 0n,
): readonly bigint[] | undefined {
  const all = [...machine.keys()].sort((a, b) => Number(a - b));
  for (let size = 1; size <= all.length; size++) {
    for (const cells of groupsOf(all, size)) {
      const enough = [...request].every(
        ([resource, bytes]) => free(machine, cells, resource) + more(cells, resource) >= bytes,
      );
      if (enough && mayServe(machine, cells)) return cells;
    }
  }
  return undefined;
}

/** All groups of a size, in the order of the kubelet's bit masks: 0+1, 0+2, 1+2, 0+3 … */
function* groupsOf(all: readonly bigint[], size: number): Generator<readonly bigint[]> {
  if (size === 0) yield [];
  for (let last = size - 1; last < all.length && size > 0; last++) {
    for (const before of groupsOf(all.slice(0, last), size - 1))
      yield [...before, ...all.slice(last, last + 1)];
  }
}

/** Bytes that init containers leave to those that come after them on the same nodes. */
function passedOn(mine: Blocks, ending: readonly string[], cells: readonly bigint[], type: string): bigint {
  return ending
    .flatMap((name) => mine.get(name) ?? [])
    .filter((block) => block.Type === type && sameCells(block.NUMAAffinity ?? [], cells))
    .reduce((sum, { Size }) => sum + Size, 0n);
}

function withBlocks(
  mine: Blocks,
  ending: readonly string[],
  { name }: Container,
  cells: readonly bigint[],
  request: ReadonlyMap<string, bigint>,
): Map<string, readonly MemoryBlock[]> {
  const left = new Map(request);
  const result = new Map(mine);
  for (const init of ending) {
    const blocks = (mine.get(init) ?? []).map((block) => {
      if (!sameCells(block.NUMAAffinity ?? [], cells)) return block;
      const wanted = left.get(block.Type) ?? 0n;
      let passed = block.Size;
      if (wanted < passed) passed = wanted;
      left.set(block.Type, wanted - passed);
      return { ...block, Size: block.Size - passed };
    });
    if (mine.has(init)) result.set(init, blocks);
  }
  result.set(
    name,
    [...request].map(([Type, Size]) => ({ NUMAAffinity: [...cells], Type, Size })),
  );
  return result;
}

function notFree(): CodedError {
  return new CodedError(
    'resource-exhausted',
    '[memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available',
  );
}

import type { Runtime } from './pod-runtime.ts';

/** Milliseconds for an answer that is not needed at any price. */
const patience = 5_000;

/**
 * Bytes that containers have in memory and that a dump of them may therefore take: their working set, as the
 * container runtime counts it. 0 for what it does not know.
 */
export async function memoryOf(
  runtime: Runtime,
  containerIds: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const asked = containerIds.map(async (containerId) => {
    const { stats } = await runtime.containerStats({ containerId }, { signal, timeoutMs: patience });
    return Number(stats?.memory?.workingSetBytes?.value ?? stats?.memory?.usageBytes?.value ?? 0n);
  });
  const answers = await Promise.allSettled(asked);
  return answers.reduce((sum, answer) => sum + (answer.status === 'fulfilled' ? answer.value : 0), 0);
}

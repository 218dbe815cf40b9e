import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NodeFacts } from '../kubeletstate/node-facts.ts';
import { writeFileAtomic } from '../localfs/atomic-file.ts';
import type { Examined } from './examined.ts';
import { unknown } from './verdict.ts';

/** Hidden file beside the state files: the boot for which they were last reset. */
const bootFile = '.stasis-boot-id';

/** What speaks of CPUs and memory of containers that no longer run after a boot. */
const endsWithBoot = new Set(['cpu-manager', 'memory-manager']);

/** Why the kubelet should start without the file; undefined when there is no reason to lose what is in it. */
export async function resetReason(
  examined: Examined,
  facts: NodeFacts,
  options: { afterReboot: boolean; hasGeneration?: () => Promise<boolean> },
): Promise<string | undefined> {
  const { file, content, report, seen } = examined;
  const stops = report.kubelet !== 'starts' && report.kubelet !== unknown;
  if (content && stops && !report.valid && seen?.value === undefined) {
    // What can be repaired is not thrown away.
    if (await options.hasGeneration?.()) return undefined;
    return `it cannot be decoded (${report.findings[0]?.message}), and there is no earlier generation`;
  }
  const changed = report.findings.find((finding) => finding.reset === true);
  if (changed) return changed.message;
  if (!options.afterReboot || !endsWithBoot.has(report.kind) || !content) return undefined;
  const recorded = await readFile(join(dirname(file.path), bootFile), 'utf8').catch(() => '');
  if (facts.bootId === undefined || recorded.trim() === facts.bootId) return undefined;
  if (facts.bootTime === undefined || content.modified >= facts.bootTime) return undefined;
  return (
    `it was written ${new Date(content.modified).toISOString()}, before the machine was booted ` +
    `(${new Date(facts.bootTime).toISOString()})`
  );
}

/** Remembers that the files were reset for this boot. */
export async function recordBoot(files: readonly Examined[], { bootId }: NodeFacts): Promise<void> {
  if (bootId === undefined) return;
  const folders = new Set(
    files.filter(({ report }) => endsWithBoot.has(report.kind)).map(({ file }) => dirname(file.path)),
  );
  for (const folder of folders)
    await writeFileAtomic(join(folder, bootFile), new TextEncoder().encode(`${bootId}\n`));
}

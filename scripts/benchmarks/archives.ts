/** The archives that are measured on: real checkpoints of a process of the wanted size, made by Podman here. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeRootfs, writeImage } from '../../test/engines/image.ts';
import { must } from '../../test/engines/program.ts';
import { project, until } from '../../test/runtime.ts';

export const needle = 'the-needle-in-the-middle';

/** The same checkpoint, not compressed and compressed in both ways that engines know. */
export interface Archives {
  mib: number;
  tar: string;
  gz: string;
  zst: string;
}

const reference = 'localhost/fill:1';

export async function prepareImage(folder: string): Promise<void> {
  const rootfs = join(folder, 'rootfs');
  await makeRootfs(rootfs, ['fill']);
  await writeImage(join(folder, 'image.tar'), rootfs, reference, ['/bin/fill']);
  await must('podman', ['load', '--quiet', '--input', join(folder, 'image.tar')]);
}

export async function checkpointOf(folder: string, mib: number): Promise<Archives> {
  const name = `fill-${mib}`;
  const tar = join(folder, `${name}.tar`);
  await must('podman', [
    'run',
    '--detach',
    '--network=none',
    `--name=${name}`,
    reference,
    'fill',
    String(mib),
  ]);
  await until('the memory to be filled', async () => (await must('podman', ['logs', name])) === 'full');
  await must('podman', ['container', 'checkpoint', '--compress=none', `--export=${tar}`, name]);
  await must('podman', ['rm', '--force', name]);
  await must('gzip', ['--keep', '-6', tar]);
  await must('zstd', ['--quiet', '-3', tar]);
  return { mib, tar, gz: `${tar}.gz`, zst: `${tar}.zst` };
}

/** A folder of small archives: every engine and compression of the samples, over and over. */
export function folderOf(folder: string, count: number): string {
  const many = join(folder, `many-${count}`);
  mkdirSync(many);
  const samples = [
    'podman-5.8.6/crun.tar',
    'podman-5.8.6/crun.tar.gz',
    'podman-5.8.6/crun.tar.zst',
    'containerd-2.1.9/crun.tar',
  ];
  for (let index = 0; index < count; index++) {
    const sample = samples[index % samples.length] ?? '';
    const ending = sample.slice(sample.indexOf('.tar'));
    const name = `checkpoint-pod-${index}_default-counter-2026-11-21T03:00:00Z${ending}`;
    copyFileSync(join(project, 'fixtures/archives', sample), join(many, name));
  }
  return many;
}

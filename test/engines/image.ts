/** A small image made offline, for every engine: busybox and the sample programs, all static. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { project } from '../runtime.ts';
import { must } from './program.ts';

const applets = [
  'sh',
  'sleep',
  'cat',
  'echo',
  'ls',
  'ps',
  'rm',
  'ip',
  'nc',
  'wget',
  'kill',
  'touch',
  'mkdir',
  'true',
];

/** Fills `folder` with a root file system: busybox, and `/bin/NAME` for each of `fixtures/programs/NAME.c`. */
export async function makeRootfs(folder: string, programs: readonly string[] = ['counter']): Promise<void> {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'root', 'var/run']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  mkdirSync(join(folder, 'tmp'));
  // mkdir is held to the umask
  chmodSync(join(folder, 'tmp'), 0o1777);
  copyFileSync('/usr/bin/busybox', join(folder, 'bin/busybox'));
  for (const applet of applets) symlinkSync('busybox', join(folder, 'bin', applet));
  for (const name of programs) {
    const source = join(project, 'fixtures/programs', `${name}.c`);
    await must('gcc', ['-O1', '-static', '-pthread', '-o', join(folder, 'bin', name), source]);
  }
  const files: Record<string, string> = {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'etc/group': 'root:x:0:\n',
    'etc/removed': 'a file of the image\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

/**
 * Writes an OCI image archive of one layer, which `podman load` and `ctr images import` take.
 * @param reference the image's name with its tag
 */
export async function writeImage(
  file: string,
  rootfs: string,
  reference: string,
  command: readonly string[],
): Promise<void> {
  const layout = `${file}.layout`;
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Uint8Array): Blob => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', hex), bytes);
    return {
      mediaType: `application/vnd.oci.image.${mediaType}`,
      digest: `sha256:${hex}`,
      size: bytes.length,
    };
  };
  const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

  const tar = join(dirname(file), 'layer.tar');
  await must('tar', [...reproducible, '-C', rootfs, '-cf', tar, '.']);
  const layer = readFileSync(tar);
  const diff = createHash('sha256').update(layer).digest('hex');
  const config = put('config.v1+json', json(imageConfig(diff, command)));
  const layers = [put('layer.v1.tar+gzip', gzipSync(layer))];
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers,
  };
  const annotations = {
    'io.containerd.image.name': reference,
    'org.opencontainers.image.ref.name': reference,
  };
  const manifests = [{ ...put('manifest.v1+json', json(manifest)), annotations }];
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests }));
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  await must('tar', [...reproducible, '-C', layout, '-cf', file, '.']);
}

const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

function imageConfig(diff: string, command: readonly string[]): unknown {
  return {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin', 'TOKEN=not-a-secret'], Cmd: command },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] },
  };
}

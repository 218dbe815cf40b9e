import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface ImageContents {
  /** Repository and tag. */
  name: string;
  /** Path in the image → program on this machine; the libraries it needs are brought along. */
  programs: Record<string, string>;
  /** Path in the image → what it points to. */
  links?: Record<string, string>;
}

/** The shared libraries of a program, its loader among them; none for a static one. */
function libraries(program: string): string[] {
  try {
    const text = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...text.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  } catch {
    return [];
  }
}

function place(root: string, path: string, from: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(from, join(root, path));
}

/** Makes a one-layer image in the format of `docker save`, as the file `archive`; `scratch` must not exist. */
export function makeImage(
  { name, programs, links = {} }: ImageContents,
  scratch: string,
  archive: string,
): void {
  const root = join(scratch, 'root');
  for (const folder of ['etc', 'tmp', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  for (const [path, program] of Object.entries(programs)) {
    place(root, path, program);
    for (const library of libraries(program)) place(root, library, library);
  }
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path));
  execFileSync('tar', [
    '--owner=0',
    '--group=0',
    '--sort=name',
    '-C',
    root,
    '-cf',
    join(scratch, 'layer.tar'),
    '.',
  ]);
  const digest = createHash('sha256')
    .update(readFileSync(join(scratch, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/bin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(scratch, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  writeFileSync(join(scratch, 'manifest.json'), JSON.stringify(manifest));
  execFileSync('tar', ['-C', scratch, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
}

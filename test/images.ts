/**
 * Images for tests, made offline out of the busybox of the machine: as an OCI layout in a folder, as an OCI
 * archive, and as `docker save` writes it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type NewMember, writeTar } from '../src/archive/tar-writer.ts';

/** The static busybox of Debian's busybox-static. */
const busybox = '/bin/busybox';
const applets = [
  ...[
    'sh',
    'sleep',
    'cat',
    'echo',
    'ls',
    'ps',
    'nc',
    'httpd',
    'wget',
    'date',
    'dd',
    'mkdir',
    'rm',
    'ip',
    'kill',
  ],
  ...[
    'touch',
    'tail',
    'head',
    'seq',
    'id',
    'mount',
    'env',
    'true',
    'false',
    'hostname',
    'stat',
    'grep',
    'test',
    'stty',
  ],
];

export interface TestImage {
  /** One list of members for each layer, the lowest first. */
  layers: NewMember[][];
  /** The image configuration's `config` object. */
  config: Record<string, unknown>;
}

/** A root file system of one program: /bin/busybox and its names, users root and app, a file to remove. */
export function busyboxImage(config: Record<string, unknown> = {}): TestImage {
  const folder = (name: string, mode = 0o755): NewMember => ({ name, type: 'directory', mode });
  const file = (name: string, content: string, mode = 0o644): NewMember => ({
    name,
    mode,
    content: Buffer.from(content),
  });
  return {
    layers: [
      [
        ...['bin', 'etc', 'proc', 'sys', 'dev', 'root', 'home'].map((name) => folder(name)),
        folder('tmp', 0o1777),
        { name: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
        ...applets.map((name): NewMember => ({ name: `bin/${name}`, type: 'symlink', linkName: 'busybox' })),
        file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home:/bin/sh\n'),
        file('etc/group', 'root:x:0:\napp:x:1001:\nextra:x:1002:app\n'),
        file('etc/removed', 'to be removed by the container\n'),
      ],
    ],
    config: { Env: ['PATH=/bin', 'FROM_IMAGE=yes'], Cmd: ['sh'], ...config },
  };
}

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

interface Built {
  blobs: Map<string, Uint8Array>;
  config: Blob;
  layers: Blob[];
  tars: Uint8Array[];
}

async function build(image: TestImage): Promise<Built> {
  const blobs = new Map<string, Uint8Array>();
  const put = (mediaType: string, bytes: Uint8Array): Blob => {
    const digest = sha256(bytes);
    blobs.set(digest.slice(7), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tars: Uint8Array[] = [];
  for (const members of image.layers) tars.push(await bytesOf(members));
  const layers = tars.map((tar) => put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar)));
  const description = {
    architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
  };
  return { blobs, config: put('application/vnd.oci.image.config.v1+json', json(description)), layers, tars };
}

/** Writes the image as an OCI layout; `name` is what it is called in it. */
export async function writeOciLayout(folder: string, name: string, image: TestImage): Promise<void> {
  for (const [path, bytes] of await ociFiles(name, image)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** Writes the image as one file that holds an OCI layout. */
export async function writeOciArchive(path: string, name: string, image: TestImage): Promise<void> {
  const files = await ociFiles(name, image);
  writeFileSync(path, await bytesOf([...files].map(([file, content]) => ({ name: file, content }))));
}

async function ociFiles(name: string, image: TestImage): Promise<Map<string, Uint8Array>> {
  const { blobs, config, layers } = await build(image);
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers,
  });
  blobs.set(sha256(manifest).slice(7), manifest);
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256(manifest),
    size: manifest.length,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
  };
  return new Map([
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    ['index.json', json({ schemaVersion: 2, manifests: [descriptor] })],
    ...[...blobs].map(([hex, bytes]): [string, Uint8Array] => [`blobs/sha256/${hex}`, bytes]),
  ]);
}

/** Writes the image as `docker save` does, gzipped: manifest.json, the configuration and plain layers. */
export async function writeDockerArchive(path: string, name: string, image: TestImage): Promise<void> {
  const { blobs, config, tars } = await build(image);
  const hex = config.digest.slice(7);
  const layerNames = tars.map((_tar, at) => `layer${at}/layer.tar`);
  const members: NewMember[] = [
    { name: `${hex}.json`, content: blobs.get(hex) ?? new Uint8Array() },
    ...tars.map((content, at): NewMember => ({ name: layerNames[at] ?? '', content })),
    {
      name: 'manifest.json',
      content: json([{ Config: `${hex}.json`, RepoTags: [name], Layers: layerNames }]),
    },
  ];
  writeFileSync(path, gzipSync(await bytesOf(members)));
}

async function bytesOf(members: readonly NewMember[]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

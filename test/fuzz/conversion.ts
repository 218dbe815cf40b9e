import { concat } from '../../src/bytes/concat.ts';
import { textOf, utf8 } from '../../src/bytes/text.ts';
import { targets } from '../../src/conversion/conversion.ts';
import { beforeConversion } from '../../src/conversion/origin.ts';
import { planConversion } from '../../src/conversion/plan.ts';
import { readSource } from '../../src/conversion/source.ts';
import { isCoded } from '../../src/errors/coded-error.ts';
import { sha256Of } from '../../src/localfs/sha256.ts';
import { openFixture, plainArchives } from '../fixture-archives.ts';

/** Small members one after the other: a line with the name, a line with the length, the content. */
function pack(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return concat([...files].flatMap(([name, bytes]) => [utf8(`${name}\n${bytes.length}\n`), bytes]));
}

function unpack(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.indexOf(10, at);
    const second = bytes.indexOf(10, first + 1);
    if (first < 0 || second < 0) break;
    const length = Number(textOf(bytes.subarray(first + 1, second))) || 0;
    files.set(textOf(bytes.subarray(at, first)), bytes.subarray(second + 1, second + 1 + length));
    at = second + 1 + Math.max(0, length);
  }
  return files;
}

/** Plans the conversion to every engine: what is broken becomes a coded error, never a plan that names a member twice. */
export async function target(bytes: Uint8Array): Promise<void> {
  const files = unpack(bytes);
  const now = async (name: string) => files.get(name);
  let refused: unknown;
  for (const engine of targets) {
    try {
      const before = await beforeConversion(now, sha256Of);
      const read = typeof before === 'object' ? before.read : now;
      const source = await readSource(read, 'fuzz');
      const options = { target: engine, imageId: '1'.repeat(64) };
      const plan = await planConversion({
        ...{ source, read, options, deleted: source.deleted },
        names: [...files.keys()],
        changed: typeof before === 'object' ? before.origin.kept : [],
      });
      const made = [...plan.copied.values(), ...plan.written.keys()];
      if (new Set(made).size !== made.length) throw new Error(`a member twice: ${made.join(' ')}`);
    } catch (error) {
      if (!isCoded(error)) throw error;
      refused = error;
    }
  }
  if (refused !== undefined) throw refused;
}

const small =
  /^(?:config\.dump|spec\.dump|status(?:\.dump)?|network\.status|bind\.mounts|deleted\.files|checkpoint\/(?:files|mountpoints-\d+)\.img|checkpoint\/descriptors\.json)$/;

/** What describes the container, of archives of every engine. */
export async function seeds(): Promise<Uint8Array[]> {
  const samples: Uint8Array[] = [];
  for (const name of plainArchives.filter((each) => /^(?:crio|containerd|podman)/.test(each))) {
    const checkpoint = await openFixture(name);
    const files = new Map<string, Uint8Array>([
      ['ctr.log', new Uint8Array()],
      ['container.log', new Uint8Array()],
    ]);
    for (const member of (await checkpoint.members()).files) {
      if (small.test(member.name)) files.set(member.name, await checkpoint.read(member.name));
    }
    await checkpoint.close();
    const index = { version: 1, kept: ['config.dump'], added: ['status.dump'], written: {} };
    samples.push(pack(files));
    const kept = files.get('config.dump') ?? new Uint8Array();
    files.set('stasis-origin/index.json', utf8(JSON.stringify(index))).set('stasis-origin/config.dump', kept);
    samples.push(pack(files));
  }
  return samples;
}

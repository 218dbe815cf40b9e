import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { imageFiles, openFixture, plainArchives } from '../../test/fixture-archives.ts';
import { folderFor, needsRuntime } from '../../test/runtime.ts';
import { pythonJson } from '../bytes/python-json.ts';
import { isCoded } from '../errors/coded-error.ts';
import { imagesOf } from '../inspect/images.ts';
import { encodeCrit } from './crit-encode.ts';
import { exploreFds, exploreMems, explorePs, exploreRss, exploreSk } from './crit-explore.ts';
import { critInfo, critText } from './crit-json.ts';
import { decodeImage } from './image.ts';

for (const archive of plainArchives) {
  test(`encodeCrit: every image of ${archive} comes back from its JSON, plain and pretty`, async (t) => {
    const checkpoint = await openFixture(archive);
    t.after(() => checkpoint.close());
    for await (const [name, bytes] of imageFiles(checkpoint)) {
      const image = decodeImage(bytes, name);
      for (const pretty of [false, true]) {
        assert.deepEqual(encodeCrit(critText(image, { pretty })), Uint8Array.from(bytes), name);
      }
    }
  });
}

test('encodeCrit: says where the JSON is wrong', () => {
  const cases: readonly [text: string, where: RegExp][] = [
    ['{"magic": "PSTREE", "entries": [', /not JSON/],
    ['{"magic": "NONSENSE", "entries": []}', /^magic: /],
    ['{"magic": "PSTREE", "entries": [{"pid": "seven"}]}', /^entries\[0\]\.pid: "seven" is not a number/],
    ['{"magic": "PSTREE", "entries": [{"pid": 4294967296}]}', /does not fit into uint32/],
    ['{"magic": "PSTREE", "entries": [{"pit": 1}]}', /^entries\[0\]\.pit: a PstreeEntry has no such field/],
    [
      '{"magic": "MM", "entries": [{"vmas": [{"prot": "PROT_NOTHING"}]}]}',
      /vmas\[0\]\.prot: no flag is named/,
    ],
    ['{"magic": "PSTREE", "entries": [{"extra": "AAAA"}]}', /extra: this kind of image has none/],
  ];
  for (const [text, where] of cases) {
    assert.throws(
      () => encodeCrit(text),
      (error) => isCoded(error, 'invalid-argument') && where.test(error.message),
      text,
    );
  }
});

/** Prints, for each image of a folder, what Python's crit makes of it in four ways; null where it fails. */
const oracle = `
import json, os, sys
import pycriu
for name in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], name)
    out = {}
    for mode, options in (("decode", {}), ("pretty", {"pretty": True}), ("nopl", {"pretty": True, "no_payload": True})):
        try:
            out[mode] = json.dumps(pycriu.images.load(open(path, "rb"), **options), indent=4 if options else None)
        except Exception as error:
            out[mode] = None
    try:
        out["info"] = json.dumps(pycriu.images.info(open(path, "rb")), indent=4)
    except Exception as error:
        out["info"] = None
    print(json.dumps([name, out]))
`;

type Views = Record<'decode' | 'pretty' | 'nopl' | 'info', string | null>;

for (const archive of plainArchives) {
  test(
    `critText, critInfo: Python's crit says the same about every image of ${archive}`,
    needsRuntime,
    async (t) => {
      const checkpoint = await openFixture(archive);
      t.after(() => checkpoint.close());
      const folder = folderFor(t, 'crit');
      const images = new Map<string, Uint8Array>();
      for await (const [name, bytes] of imageFiles(checkpoint)) {
        images.set(name, bytes);
        writeFileSync(join(folder, name), bytes);
      }
      const run = spawnSync('python3', ['-c', oracle, folder], { encoding: 'utf8', maxBuffer: 1 << 28 });
      assert.equal(run.status, 0, run.stderr);
      for (const line of run.stdout.trim().split('\n')) {
        const [name, theirs] = JSON.parse(line) as [string, Views];
        // Python takes the next entries for the contents of segments whose pages are elsewhere.
        if (name.startsWith('ipcns-shm-')) continue;
        const image = decodeImage(images.get(name) ?? new Uint8Array(), name);
        assert.equal(critText(image), theirs.decode, name);
        assert.equal(critText(image, { pretty: true }), theirs.pretty, name);
        assert.equal(critText(image, { pretty: true, noPayload: true }), theirs.nopl, name);
        // Python counts what follows the messages as if it were more of them.
        const simple = image.kind.payload === 'none' || image.kind.payload === 'pagemap';
        if (simple) assert.equal(pythonJson(critInfo(image), 4), theirs.info, name);
      }
    },
  );

  test(`crit x: Python's crit says the same about ${archive}`, needsRuntime, async (t) => {
    const checkpoint = await openFixture(archive);
    t.after(() => checkpoint.close());
    const folder = join(folderFor(t, 'crit'), 'checkpoint');
    mkdirSync(folder);
    for await (const [name, bytes] of imageFiles(checkpoint)) writeFileSync(join(folder, name), bytes);
    const images = await imagesOf(checkpoint);
    const views = { ps: explorePs, fds: exploreFds, mems: exploreMems, rss: exploreRss };
    for (const [what, explore] of Object.entries(views)) {
      const run = spawnSync('python3', ['-m', 'crit', 'x', folder, what], { encoding: 'utf8' });
      const ours = `${(await explore(images)).join('\n')}\n`;
      // Python stops with a stack trace at the first dead process; up to there it is right.
      if (run.status === 0) assert.equal(ours, run.stdout, what);
      else assert.ok(ours.startsWith(run.stdout), what);
    }
  });
}

test('exploreSk: sockets with addresses as they are written today', async (t) => {
  const checkpoint = await openFixture('crun-1.28-sockets.tar');
  t.after(() => checkpoint.close());
  const text = pythonJson(await exploreSk(await imagesOf(checkpoint)));
  assert.match(
    text,
    /"family": "INET6", "protocol": "TCP", "type": "STREAM", "state": "LISTEN", "src_addr": "::", "src_port": 8081/,
  );
  assert.match(text, /"src_addr": "::1", "src_port": 8081/);
  assert.match(text, /"src_addr": "\/tmp\/named.sock=00"/);
});

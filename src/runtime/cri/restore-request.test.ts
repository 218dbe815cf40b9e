import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { isCoded } from '../../errors/coded-error.ts';
import { CreateContainerRequestSchema, NamespaceMode } from '../../gen/cri/v1/api_pb.ts';
import { containerd } from './containerd.ts';
import { crio } from './crio.ts';
import { explainFailure } from './explain-failure.ts';
import { type ArchivedShape, restoreRequest } from './restore-request.ts';

const shape: ArchivedShape = {
  maskedPaths: ['/proc/keys'],
  readonlyPaths: ['/proc/sys'],
  bound: ['/etc/hosts', '/run/.containerenv', '/data'],
  sharedProcesses: false,
};
const request = (pid: NamespaceMode = NamespaceMode.CONTAINER, paths: readonly string[] = ['/data']) =>
  create(CreateContainerRequestSchema, {
    config: {
      image: { image: '/srv/archive.tar', userSpecifiedImage: 'counter' },
      mounts: paths.map((containerPath) => ({ containerPath, hostPath: '/srv/data' })),
      linux: { securityContext: { namespaceOptions: { pid } } },
    },
  });

test('restoreRequest + repeats what was hidden, and gives what engines mount for themselves', () => {
  const before = request();
  const { config } = restoreRequest(before, '/scratch/1.tar', shape, ['/etc/hosts']);
  assert.equal(config?.image?.image, '/scratch/1.tar');
  assert.equal(config?.image?.userSpecifiedImage, 'counter');
  assert.deepEqual(config?.linux?.securityContext?.maskedPaths, ['/proc/keys']);
  assert.deepEqual(config?.linux?.securityContext?.readonlyPaths, ['/proc/sys']);
  assert.deepEqual(
    config?.mounts.map(({ containerPath, hostPath }) => [containerPath, hostPath]),
    [
      ['/data', '/srv/data'],
      ['/run/.containerenv', '/dev/null'],
    ],
  );
  assert.equal(before.config?.image?.image, '/srv/archive.tar', 'the request of before stays');
});

test('restoreRequest + names every mount that the new container lacks', () => {
  const wanted = { ...shape, bound: ['/data', '/more', '/etc/hosts'] };
  assert.throws(
    () => restoreRequest(request(NamespaceMode.CONTAINER, []), '/a.tar', wanted, ['/etc/hosts']),
    (error) => isCoded(error, 'failed-precondition') && /mounted at \/data, \/more,/.test(error.message),
  );
});

test('restoreRequest + a shared process namespace needs a pod that shares it', () => {
  const shared = { ...shape, sharedProcesses: true };
  assert.throws(
    () => restoreRequest(request(), '/a.tar', shared, ['/etc/hosts']),
    (error) => isCoded(error, 'failed-precondition') && /shareProcessNamespace/.test(error.hint ?? ''),
  );
  restoreRequest(request(NamespaceMode.POD), '/a.tar', shared, ['/etc/hosts']);
});

test('RuntimeQuirks.restores + versions that do not restore say which do', () => {
  const refusal = (major: number, minor: number) =>
    containerd.restores?.refusal({ major, minor } as const)?.hint;
  assert.match(refusal(2, 0) ?? '', /containerd 2\.1/);
  assert.equal(refusal(2, 1), undefined);
  assert.equal(refusal(2, 3), undefined);
  assert.match(refusal(2, 4) ?? '', /2\.1 to 2\.3/);
  assert.match(refusal(3, 0) ?? '', /built-in/);
});

test('RuntimeQuirks.restores + the words of a failed restore lead to what to change', () => {
  const said: readonly (readonly [typeof containerd, string, RegExp])[] = [
    [containerd, 'failed to pull checkpoint base image localhost:5000/c:1: dial tcp', /registry/],
    [containerd, 'parse "dummy://sha256:12": invalid port ":12" after host', /--image NAME/],
    [containerd, 'OCI runtime restore failed: criu failed: type RESTORE errno 0', /log-file=/],
    [containerd, 'OCI runtime restore failed: CRIU restoring failed: -52', /log-file=/],
    [containerd, 'failed: criu support is disabled by configuration', /enable_criu = true/],
    [crio, 'restoring "x" expects following bind mounts defined (/data)', /mounts at the paths/],
    [crio, 'user specified image not specified, cannot verify image signature', /signature_policy/],
  ];
  for (const [quirks, words, hint] of said) {
    assert.match(explainFailure(new Error(words), quirks.restores?.failures ?? []).hint ?? '', hint, words);
  }
});

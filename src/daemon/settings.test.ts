import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';
import { parseFlags } from './flags.ts';
import { parseKubeletConfiguration } from './kubelet-configuration.ts';
import { settingsOf } from './settings.ts';

const settings = (args: string[], config?: string) =>
  settingsOf(
    parseFlags(args).flags,
    config === undefined ? { ignored: [] } : parseKubeletConfiguration(config, 'k.yaml'),
  );
const head = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

test('settingsOf has the defaults of a kubelet', () => {
  const found = settings([]);
  assert.equal(found.rootDirectory, '/var/lib/kubelet');
  assert.equal(found.port, 10250);
  assert.equal(found.address, '0.0.0.0');
  assert.equal(found.runtimeRequestTimeout, 120);
  assert.equal(found.podLogs, '/var/log/pods');
  assert.equal(found.anonymous, false);
  assert.equal(found.checkpointApi, true);
});

test('a KubeletConfiguration is taken as kubeadm writes it, and flags go before it', () => {
  const config = `${head}
authentication: {anonymous: {enabled: false}, webhook: {enabled: false, cacheTTL: 0s}, x509: {clientCAFile: /pki/ca.crt}}
authorization: {mode: AlwaysAllow, webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}}
cgroupDriver: systemd
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}}, verbosity: 0}
memorySwap: {}
port: 4242
rotateCertificates: true
runtimeRequestTimeout: 15m0s
staticPodPath: /etc/kubernetes/manifests
featureGates: {ContainerCheckpoint: false}
`;
  const found = settings([], config);
  assert.equal(found.port, 4242);
  assert.equal(found.clientCaFile, '/pki/ca.crt');
  assert.equal(found.manifests, '/etc/kubernetes/manifests');
  assert.equal(found.runtimeRequestTimeout, 900);
  assert.equal(found.checkpointApi, false);
  const over = settings(
    ['--port=1', '--feature-gates=ContainerCheckpoint=true', '--manifests', '/m'],
    config,
  );
  assert.equal(over.port, 1);
  assert.equal(over.checkpointApi, true);
  assert.equal(over.manifests, '/m');
  assert.deepEqual(parseKubeletConfiguration(config, 'k').ignored.sort().slice(0, 3), [
    'cgroupDriver',
    'clusterDNS',
    'clusterDomain',
  ]);
});

test('a DaemonConfiguration beside a KubeletConfiguration says what the kubelet has no settings for', () => {
  const own = `apiVersion: stasis/v1
kind: DaemonConfiguration
checkpoints: {whenBusy: refuse, freeSpace: 1Gi, perUser: 2, perNode: 3, ratePerUser: 0, ratePerNode: 60}
operations: {keep: 10m, most: 5}
`;
  for (const config of [`${head}port: 4242\n---\n${own}`, own, `${own}---\n${head}port: 4242\n`]) {
    const found = settings([], config);
    assert.equal(found.port, config === own ? 10250 : 4242);
    assert.deepEqual(
      [found.whenBusy, found.freeSpaceFloor, found.limits, found.operations],
      ['refuse', 2 ** 30, { user: 2, node: 3, userRate: 0, nodeRate: 60 }, { keep: 600_000, most: 5 }],
    );
  }
  const over = settings(
    ['--checkpoint-when-busy=conflict', '--checkpoints-per-user=9', '--operation-ttl=1s'],
    own,
  );
  assert.deepEqual(
    [over.whenBusy, over.limits.user, over.limits.node, over.operations.keep],
    ['conflict', 9, 3, 1000],
  );
  assert.deepEqual([settings([]).whenBusy, settings([]).limits], ['wait', {}]);
  const tls = settings(['--tls-min-version=VersionTLS13'], `${head}tlsMinVersion: VersionTLS12`);
  assert.equal(tls.tlsOptions.minVersion, 'TLSv1.3');
});

const wrong: readonly [args: string[], config: string | undefined, message: RegExp][] = [
  [[], `${head}prot: 1`, /reading k\.yaml: prot is not supported here/],
  [[], `${head}readOnlyPort: 10255`, /readOnlyPort is 10255: nothing is served without authentication/],
  [[], `${head}port: 0\naddress: 7`, /port is not a whole number.*; address is not a text/],
  [[], `${head}runtimeRequestTimeout: 5`, /runtimeRequestTimeout is not a duration/],
  [[], `${head}authentication: {webhook: {enabled: true}}`, /authentication by webhook needs --kubeconfig/],
  [[], 'kind: KubeletConfiguration', /apiVersion is missing/],
  [[], `${head}authorization: {mode: Webhook}`, /authorization mode Webhook needs --kubeconfig/],
  [['--tls-cert-file=a'], undefined, /are given together/],
  [['--port=70000'], undefined, /--port is "70000"/],
  [['--anonymous-auth=yes'], undefined, /--anonymous-auth is "yes"/],
  [['--oci-runtime=runsc'], undefined, /known here: crun, runc/],
  [['--feature-gates=X'], undefined, /--feature-gates: "X"/],
  [['--runtime-request-timeout=5'], undefined, /not a duration/],
  [['--authorization-mode=Policy'], undefined, /needs --authorization-policy-file/],
  [['--authorization-mode=AlwaysAllow', '--authorization-policy-file=p'], undefined, /contradicts/],
  [['--container-runtime-endpoint=tcp://x'], undefined, /unix socket/],
  [['--checkpoint-when-busy=queue'], undefined, /known here: wait, conflict, refuse/],
  [['--checkpoints-per-node=0'], undefined, /--checkpoints-per-node is "0", not a whole number from 1/],
  [
    ['--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA'],
    undefined,
    /TLS_RSA_WITH_RC4_128_SHA, which cannot be had/,
  ],
  [[], `${head}tlsMinVersion: VersionTLS11`, /tlsMinVersion is "VersionTLS11"/],
  [[], `${head}---\n${head}`, /more than one KubeletConfiguration/],
  [
    [],
    `${head}---\napiVersion: stasis/v1\nkind: DaemonConfiguration\ncheckpoints: {perUser: 0, x: 1}`,
    /checkpoints\.perUser is not a whole number from 1.*; checkpoints\.x is not supported here/,
  ],
];
for (const [args, config, message] of wrong) {
  test(`settings are refused: ${args.join(' ') || config?.slice(head.length).trim()}`, () => {
    assert.throws(() => settings(args, config), { code: 'invalid-argument', message });
  });
}

test('a kubeconfig makes the API server decide, and the kubelet’s defaults hold', () => {
  const found = settings(
    ['--kubeconfig=/k'],
    `${head}authentication: {webhook: {cacheTTL: 0s}}\nauthorization: {webhook: {cacheAuthorizedTTL: 1m}}`,
  );
  assert.deepEqual(
    [found.kubeconfig, found.tokenWebhook, found.authorization],
    ['/k', { cacheSeconds: 120 }, { mode: 'Webhook', allowedSeconds: 60, deniedSeconds: 30 }],
  );
  const off = settings([
    '--kubeconfig=/k',
    '--authentication-token-webhook=false',
    '--authorization-mode=AlwaysAllow',
  ]);
  assert.deepEqual([off.tokenWebhook, off.authorization], [undefined, { mode: 'AlwaysAllow' }]);
  const none = settings(['--kubeconfig=/k', '--authentication-token-webhook-cache-ttl=0s']);
  assert.equal(none.tokenWebhook?.cacheSeconds, 0);
});

test('parseDuration reads what Go prints', () => {
  const cases: Record<string, number | undefined> = {
    '2m0s': 120,
    '1h30m': 5400,
    '1.5s': 1.5,
    '250ms': 0.25,
    '0': 0,
    '0s': 0,
    '5': undefined,
    '-1s': undefined,
    '': undefined,
    '1d': undefined,
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(parseDuration(text), wanted, text);
});

test('stasisd says in one line what is wrong with how it was called, and ends with 2', () => {
  const main = join(import.meta.dirname, 'main.ts');
  const run = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  const unknown = run('--nope');
  assert.deepEqual(
    [unknown.status, unknown.stdout, unknown.stderr],
    [2, '', "stasisd: Unknown option '--nope'\n"],
  );
  const missing = run('--config', '/nowhere.yaml');
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /^stasisd: reading the configuration: ENOENT.*\n$/);
  assert.match(run('--version').stdout, /^stasisd \d+\.\d+\.\d+\n$/);
  assert.match(run('--help').stdout, /--root-dir DIR/);
});

test('memoryManagerPolicy Static needs a reservedMemory that adds up, as a kubelet does', () => {
  const memory = `${head}memoryManagerPolicy: Static\nkubeReserved: {memory: 400Mi, cpu: "1"}\n`;
  const { policy, reservations } = settings(
    [],
    `${memory}reservedMemory: [{numaNode: 0, limits: {memory: 300Mi}}, {numaNode: 1, limits: {memory: 200Mi}}]\n`,
  ).memory;
  assert.equal(policy, 'Static');
  assert.equal(reservations.eviction, 100n << 20n);
  assert.throws(() => settings([], memory), {
    code: 'invalid-argument',
    message: /"0" of type "memory" is not equal to the value "500Mi"/,
  });
  const percent = `${memory}evictionHard: {memory.available: 5%}\nreservedMemory: [{numaNode: 0, limits: {memory: 1Gi}}]\n`;
  assert.deepEqual(settings([], percent).memory.reservations.eviction, { part: 0.05 });
  assert.throws(() => settings([], `${memory}evictionHard: {memory.available: lots}\n`), /is not a quantity/);
  assert.equal(settings([]).memory.policy, 'None');
  assert.deepEqual(parseKubeletConfiguration(`${head}evictionHard: {memory.available: 1Gi}\n`, 'k').ignored, [
    'evictionHard',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const config = (cluster: string, user: string) => `apiVersion: v1
kind: Config
current-context: node
contexts: [{name: other, context: {cluster: x, user: x}}, {name: node, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
`;
const server = 'server: "https://api.example:6443"';

test('parseKubeconfig takes data, files beside it and token files of the current context', () => {
  assert.deepEqual(
    parseKubeconfig(
      config(
        `${server}, certificate-authority-data: Y2E=`,
        'client-certificate: pki/a.pem, client-key: /b.pem, token: t, tokenFile: tok',
      ),
      '/etc/k/config',
    ),
    {
      server: 'https://api.example:6443',
      prefix: '',
      authorities: { text: 'ca' },
      certificate: { file: '/etc/k/pki/a.pem' },
      key: { file: '/b.pem' },
      token: { file: '/etc/k/tok' },
    },
  );
});

const wrong: readonly [text: string, message: RegExp][] = [
  [config('server: "http://api"', 'token: secret'), /server of its cluster is not https/],
  [config(`${server}, insecure-skip-tls-verify: true`, 'token: secret'), /insecure-skip-tls-verify/],
  [config(server, 'token: secret, exec: {command: aws}'), /exec of its user is not supported/],
  [config(server, 'token: secret, client-key: k'), /only one of client-certificate and client-key/],
  [config(`${server}, certificate-authority-data: "*"`, 'token: secret'), /-data is not base64/],
  [config(server, 'token: secret').replace('name: u,', 'name: v,'), /no user "u"/],
  [config(server, 'token: secret').replace('current-context: node', ''), /names no context/],
  ['token: secret: [', /not YAML/],
  ['kind: Secret', /not kind Config/],
];
for (const [text, message] of wrong) {
  test(`parseKubeconfig refuses what it cannot honour: ${message.source}`, () => {
    assert.throws(
      () => parseKubeconfig(text, 'k'),
      (error) => {
        assert.ok(isCoded(error, 'invalid-argument'));
        assert.match(messageOf(error), message);
        assert.doesNotMatch(messageOf(error), /secret/);
        return true;
      },
    );
  });
}

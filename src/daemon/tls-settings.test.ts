import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getCiphers } from 'node:tls';
import { tlsSettings } from './tls-settings.ts';

test('tlsSettings takes the names of the kubelet', () => {
  assert.deepEqual(tlsSettings({}), { minVersion: 'TLSv1.2' });
  assert.deepEqual(tlsSettings({ minVersion: 'VersionTLS13' }), { minVersion: 'TLSv1.3' });
  assert.deepEqual(
    tlsSettings({
      minVersion: '',
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'],
      curvePreferences: [29, 23],
    }),
    {
      minVersion: 'TLSv1.2',
      ciphers:
        'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES256-GCM-SHA384',
      curves: 'X25519:P-256',
    },
  );
});

test('tlsSettings refuses by name what cannot be had', () => {
  const wrong: readonly [Parameters<typeof tlsSettings>[0], RegExp][] = [
    [
      { minVersion: 'VersionTLS11' },
      /tlsMinVersion is "VersionTLS11", known here: VersionTLS12, VersionTLS13/,
    ],
    [{ minVersion: 'toString' }, /tlsMinVersion is "toString"/],
    [
      { cipherSuites: ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', 'TLS_AES_128_GCM_SHA256', 'constructor'] },
      /tlsCipherSuites has TLS_RSA_WITH_3DES_EDE_CBC_SHA, constructor, which cannot be had here/,
    ],
    [
      { minVersion: 'VersionTLS13', cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] },
      /TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, which TLS 1\.3 does not know/,
    ],
    [{ curvePreferences: [1] }, /tlsCurvePreferences has 1, known here: 23, 24, 25, 29, 4588/],
  ];
  for (const [given, message] of wrong) {
    assert.throws(() => tlsSettings(given), { code: 'invalid-argument', message });
  }
});

test('each suite that tlsSettings knows is one that this Node has', () => {
  const known = getCiphers();
  const names = ['ECDSA', 'RSA'].flatMap((key) =>
    [
      ...['AES_128_GCM_SHA256', 'AES_256_GCM_SHA384', 'CHACHA20_POLY1305', 'AES_128_CBC_SHA'],
      ...['AES_256_CBC_SHA', 'AES_128_CBC_SHA256', 'CHACHA20_POLY1305_SHA256'],
    ].map((rest) => `TLS_ECDHE_${key}_WITH_${rest}`),
  );
  const { ciphers = '' } = tlsSettings({ cipherSuites: names });
  for (const cipher of ciphers.split(':')) assert.ok(known.includes(cipher.toLowerCase()), cipher);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeCertificate, selfSigned } from './certificate.ts';

const dates = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2051-02-03T04:05:06Z') };

test('selfSigned makes a certificate that OpenSSL reads back as it was asked for', () => {
  const { certificate } = selfSigned({
    name: 'node@1',
    hosts: ['localhost', 'a.example', '127.0.0.1', '::1', 'fe80::1:2'],
    ...dates,
  });
  const read = new X509Certificate(certificate);
  assert.equal(read.subject, 'CN=node@1');
  assert.equal(read.ca, true);
  assert.ok(read.verify(read.publicKey));
  assert.equal(read.validFromDate.getTime(), dates.notBefore.getTime());
  assert.equal(read.validToDate.getTime(), dates.notAfter.getTime());
  for (const host of ['localhost', 'a.example']) assert.equal(read.checkHost(host), host);
  for (const address of ['127.0.0.1', '::1', 'fe80::1:2']) assert.equal(read.checkIP(address), address);
  assert.equal(read.checkIP('127.0.0.2'), undefined);
});

test('makeCertificate signs for another, with organisations', () => {
  const issuer = makeCertificate({ name: 'ca', use: 'ca', ...dates });
  const client = makeCertificate({ name: 'ann', organisations: ['x', 'y'], use: 'client', issuer, ...dates });
  const read = new X509Certificate(client.certificate);
  assert.equal(read.subject, 'O=x\nO=y\nCN=ann');
  assert.ok(read.checkIssued(new X509Certificate(issuer.certificate)));
  assert.ok(read.verify(new X509Certificate(issuer.certificate).publicKey));
  assert.equal(read.ca, false);
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.2']);
});

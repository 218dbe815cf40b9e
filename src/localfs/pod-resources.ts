import { join } from 'node:path';
import { textOf } from '../bytes/text.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { ContainerResources } from '../kubeletstate/node-facts.ts';
import { unaryCall } from './unary-call.ts';

/** Where a kubelet answers, below its root directory. */
const socket = 'pod-resources/kubelet.sock';

/**
 * What the kubelet says its containers have, under `namespace/pod/container`: PodResources, `List`, v1.
 * @throws CodedError `unavailable` when no kubelet answers.
 */
export async function podResources(root: string): Promise<Map<string, ContainerResources>> {
  const answer = await unaryCall(join(root, socket), '/v1.PodResourcesLister/List', new Uint8Array());
  const found = new Map<string, ContainerResources>();
  for (const pod of fields(answer)) {
    if (pod.number !== 1) continue;
    const parts = fields(pod.bytes);
    const text = (number: number): string =>
      textOf(parts.find((each) => each.number === number)?.bytes ?? empty);
    for (const container of parts.filter((each) => each.number === 3)) {
      const [name, resources] = readContainer(container.bytes);
      found.set(`${text(2)}/${text(1)}/${name}`, resources);
    }
  }
  return found;
}

const empty = new Uint8Array();

function readContainer(bytes: Uint8Array): [string, ContainerResources] {
  let name = '';
  const cpus: number[] = [];
  const devices = new Map<string, string[]>();
  for (const { number, bytes: inner, value } of fields(bytes)) {
    if (number === 1) name = textOf(inner);
    if (number === 2) {
      const parts = fields(inner);
      const resource = textOf(parts.find((each) => each.number === 1)?.bytes ?? empty);
      const ids = parts.filter((each) => each.number === 2).map((each) => textOf(each.bytes));
      devices.set(resource, [...(devices.get(resource) ?? []), ...ids]);
    }
    if (number === 3) cpus.push(...(value === undefined ? packed(inner) : [value]));
  }
  return [name, { cpus, devices }];
}

interface Field {
  number: number;
  /** Of a field with a length; empty otherwise. */
  bytes: Uint8Array;
  /** Of a number. */
  value: number | undefined;
}

/** The fields of a protobuf message. */
function fields(bytes: Uint8Array): Field[] {
  const list: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [key, afterKey] = varint(bytes, at);
    const wire = key & 7;
    const number = Math.floor(key / 8);
    if (wire === 0) {
      const [value, after] = varint(bytes, afterKey);
      list.push({ number, bytes: empty, value });
      at = after;
    } else if (wire === 2) {
      const [length, start] = varint(bytes, afterKey);
      if (length > bytes.length - start) throw malformed();
      list.push({ number, bytes: bytes.subarray(start, start + length), value: undefined });
      at = start + length;
    } else if (wire === 1 || wire === 5) at = afterKey + (wire === 1 ? 8 : 4);
    else throw malformed();
  }
  return list;
}

function packed(bytes: Uint8Array): number[] {
  const list: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [value, after] = varint(bytes, at);
    list.push(value);
    at = after;
  }
  return list;
}

function varint(bytes: Uint8Array, from: number): [value: number, after: number] {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) throw malformed();
    value += (byte & 127) * 128 ** i;
    if (byte < 128) return [value, from + i + 1];
  }
  throw malformed();
}

function malformed(): CodedError {
  return new CodedError('corrupt', 'reading the answer about pod resources: it is not a protobuf message');
}

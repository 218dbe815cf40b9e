import { Buffer } from 'node:buffer';
import type { ConfigObject } from './configuration.ts';
import { fieldText, type PodPlace, resourceText } from './downward.ts';
import { expand } from './expansion.ts';
import type { Container, EnvVariable, Pod } from './pod.ts';

/**
 * A container's variables in the kubelet's order: whole ConfigMaps and Secrets first, then those written down,
 * which may use those before them as `$(NAME)`.
 */
export function environmentOf(
  pod: Pod,
  container: Container,
  configuration: readonly ConfigObject[],
  place: PodPlace,
): Map<string, string> {
  const variables = new Map<string, string>();
  const find = (kind: ConfigObject['kind'], name: string) =>
    configuration.find((item) => item.kind === kind && item.name === name);
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const object = configMapRef
      ? find('ConfigMap', configMapRef.name)
      : find('Secret', secretRef?.name ?? '');
    for (const [key, value] of Object.entries(object?.data ?? {})) {
      const name = `${prefix}${key}`;
      // As the kubelet: what cannot be the name of a variable is left out.
      if (/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) variables.set(name, textOf(value));
    }
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(pod, container, variable, find, place);
    if (value !== undefined) {
      variables.set(variable.name, variable.valueFrom ? value : expand(value, variables));
    }
  }
  return variables;
}

/** Undefined where it comes from an optional key that is not there. */
function variableValue(
  pod: Pod,
  container: Container,
  { value, valueFrom }: EnvVariable,
  find: (kind: ConfigObject['kind'], name: string) => ConfigObject | undefined,
  place: PodPlace,
): string | undefined {
  if (!valueFrom) return value ?? '';
  const { configMapKeyRef: map, secretKeyRef: hidden, fieldRef, resourceFieldRef } = valueFrom;
  if (fieldRef) return fieldText(pod, fieldRef.fieldPath, place);
  if (resourceFieldRef) return resourceText(pod, container, resourceFieldRef, place.capacity);
  const key = map ?? hidden;
  const object = map ? find('ConfigMap', map.name) : find('Secret', hidden?.name ?? '');
  const found = key && object && Object.hasOwn(object.data, key.key) ? object.data[key.key] : undefined;
  return found === undefined ? undefined : textOf(found);
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

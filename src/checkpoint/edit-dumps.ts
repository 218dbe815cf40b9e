import { type Json, type JsonObject, parseGoJson, printGoJson } from '../bytes/go-json.ts';
import { textOf, utf8 } from '../bytes/text.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { memberNames } from './layout.ts';

/** What to write differently in the dumps of a checkpoint; what is left out stays. */
export interface DumpEdits {
  /** TCP ports by the port that they had. */
  ports?: ReadonlyMap<number, number>;
  /** Annotations by name; `null` removes one. */
  annotations?: ReadonlyMap<string, string | null>;
  /** The image's name. */
  image?: string | undefined;
}

/**
 * `config.dump` with other ports in its port mappings and environment, and another image name.
 * @returns undefined where nothing in it had to change.
 * @throws CodedError `corrupt` when it is not a JSON object.
 */
export function editConfigDump(bytes: Uint8Array, edits: DumpEdits): Uint8Array | undefined {
  return rewrite(bytes, memberNames.configDump, (dump) => {
    let changed = movePorts(dump, edits.ports ?? new Map());
    if (edits.image !== undefined && dump.get('rootfsImageName') !== edits.image) {
      dump.set('rootfsImageName', edits.image);
      changed = true;
    }
    return changed;
  });
}

/**
 * `spec.dump` with other ports in the environment of the process, and other annotations.
 * @returns undefined where nothing in it had to change.
 * @throws CodedError `corrupt` when it is not a JSON object.
 */
export function editSpecDump(bytes: Uint8Array, edits: DumpEdits): Uint8Array | undefined {
  return rewrite(bytes, memberNames.specDump, (spec) => {
    const process = spec.get('process');
    const moved = process instanceof Map && moveEnvironment(process, edits.ports ?? new Map());
    return annotate(spec, edits.annotations ?? new Map()) || moved;
  });
}

function rewrite(
  bytes: Uint8Array,
  name: string,
  edit: (value: JsonObject) => boolean,
): Uint8Array | undefined {
  let value: Json;
  try {
    value = parseGoJson(bytes);
  } catch (error) {
    throw new CodedError('corrupt', `failed to unmarshal ${name}: ${messageOf(error)}`, { cause: error });
  }
  if (!(value instanceof Map)) throw new CodedError('corrupt', `${name} is not a JSON object`);
  if (!edit(value)) return undefined;
  const text = textOf(bytes);
  const indent = /^\{\n([ \t]+)"/.exec(text)?.[1] ?? '';
  return utf8(printGoJson(value, indent) + (text.endsWith('\n') ? '\n' : ''));
}

/** Every `container_port` and every `env` that says one of the ports, wherever the engine put it. */
function movePorts(value: Json, ports: ReadonlyMap<number, number>): boolean {
  if (Array.isArray(value)) {
    return value.reduce<boolean>((changed, item) => movePorts(item, ports) || changed, false);
  }
  if (!(value instanceof Map)) return false;
  let changed = moveEnvironment(value, ports);
  for (const [key, item] of value) {
    const to = key === 'container_port' ? ports.get(Number(item)) : undefined;
    if (to === undefined) changed = movePorts(item, ports) || changed;
    else {
      value.set(key, to);
      changed = true;
    }
  }
  return changed;
}

/** `PORT=8080`, by which a program is told where to listen. */
function moveEnvironment(owner: JsonObject, ports: ReadonlyMap<number, number>): boolean {
  const environment = owner.get('env');
  if (!Array.isArray(environment)) return false;
  let changed = false;
  for (const [at, variable] of environment.entries()) {
    const port = typeof variable === 'string' ? /^PORT=([0-9]{1,5})$/.exec(variable)?.[1] : undefined;
    const to = ports.get(Number(port));
    if (to === undefined) continue;
    environment[at] = `PORT=${to}`;
    changed = true;
  }
  return changed;
}

function annotate(spec: JsonObject, wanted: ReadonlyMap<string, string | null>): boolean {
  const found = spec.get('annotations');
  const annotations: JsonObject = found instanceof Map ? found : new Map();
  let changed = false;
  for (const [name, value] of wanted) {
    if (value === null) changed = annotations.delete(name) || changed;
    else if (annotations.get(name) !== value) {
      annotations.set(name, value);
      changed = true;
    }
  }
  if (changed) spec.set('annotations', annotations);
  return changed;
}

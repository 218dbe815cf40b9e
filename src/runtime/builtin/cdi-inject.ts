import { CodedError } from '../../errors/coded-error.ts';
import type { CdiDeviceNode, ContainerEdits } from './cdi-registry.ts';
import { givenDevices } from './host-devices.ts';
import type { OciHook, OciSpec } from './oci-spec.ts';

const hookNames = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

/**
 * Changes what a container is run with as its devices want it. Later edits win over earlier ones and over what was
 * there: a variable, a device, a mount is there once.
 * @throws CodedError `invalid-argument` for a device that is not on this machine
 */
export async function injectCdi(spec: OciSpec, edits: readonly ContainerEdits[]): Promise<void> {
  for (const edit of edits) {
    for (const variable of edit.env ?? []) setVariable(spec, variable);
    for (const node of edit.deviceNodes ?? []) await addDevice(spec, node);
    for (const { hostPath, containerPath, type, options } of edit.mounts ?? []) {
      spec.mounts = spec.mounts.filter(({ destination }) => destination !== containerPath);
      spec.mounts.push({
        destination: containerPath,
        source: hostPath,
        type: type || 'bind',
        options: options ?? ['rbind', 'rprivate'],
      });
    }
    for (const hook of edit.hooks ?? []) addHook(spec, hook);
    addGroups(spec, edit.additionalGids ?? []);
  }
}

function setVariable(spec: OciSpec, variable: string): void {
  const name = `${variable.split('=')[0]}=`;
  spec.process.env = [...spec.process.env.filter((each) => !each.startsWith(name)), variable];
}

async function addDevice(spec: OciSpec, node: CdiDeviceNode): Promise<void> {
  const { linux, process } = spec;
  const permissions = node.permissions || 'rwm';
  const asked = { hostPath: node.hostPath || node.path, containerPath: node.path, permissions };
  const found = await givenDevices([{ $typeName: 'runtime.v1.Device', ...asked }], false);
  const others = (linux.devices ?? []).filter(({ path }) => path !== node.path);
  const owner = { uid: node.uid ?? process.user.uid, gid: node.gid ?? process.user.gid };
  const made = found.devices.map((device) => ({
    ...device,
    ...(node.major === undefined ? {} : { major: node.major, minor: node.minor ?? 0 }),
    ...(node.type ? { type: node.type } : {}),
    ...(node.fileMode === undefined ? {} : { fileMode: node.fileMode }),
    ...(node.uid !== undefined || owner.uid > 0 ? { uid: owner.uid } : {}),
    ...(node.gid !== undefined || owner.gid > 0 ? { gid: owner.gid } : {}),
  }));
  linux.devices = [...others, ...made];
  const rules = made.map(({ type, major, minor }) => ({
    allow: true,
    type,
    major,
    minor,
    access: permissions,
  }));
  linux.resources = { ...linux.resources, devices: [...(linux.resources?.devices ?? []), ...rules] };
}

function addHook(spec: OciSpec, { hookName, ...hook }: OciHook & { hookName: string }): void {
  const name = hookNames.find((known) => known === hookName);
  if (!name)
    throw new CodedError('invalid-argument', `CDI device injection failed: unknown hook ${hookName}`);
  spec.hooks = { ...spec.hooks, [name]: [...(spec.hooks?.[name] ?? []), hook] };
}

function addGroups(spec: OciSpec, groups: readonly number[]): void {
  if (groups.length === 0) return;
  const { user } = spec.process;
  user.additionalGids = [...new Set([...(user.additionalGids ?? []), ...groups])];
}

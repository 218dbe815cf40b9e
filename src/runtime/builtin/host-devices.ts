import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import type { Device } from '../../gen/cri/v1/api_pb.ts';
import type { OciDevice, OciResources } from './oci-spec.ts';

type DeviceRule = NonNullable<OciResources['devices']>[number];

export interface GivenDevices {
  devices: OciDevice[];
  /** Access rules; an OCI runtime adds the usual ones (null, zero, …) itself. */
  rules: DeviceRule[];
}

/** No more than that many devices of the node are handed to a privileged container. */
const mostDevices = 4096;
/** Made by the OCI runtime or mounted: not to be given again. */
const ownEntries = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', 'ptmx', '.lxc', 'hugepages']);

/**
 * The devices of a container.
 * @throws CodedError `invalid-argument` when one is not there or is none.
 */
export async function givenDevices(wanted: readonly Device[], privileged: boolean): Promise<GivenDevices> {
  const rules: DeviceRule[] = [{ allow: privileged, access: 'rwm' }];
  const devices = new Map<string, OciDevice>();
  if (privileged) for (const device of await everyDevice('/dev')) devices.set(device.path, device);
  for (const { hostPath, containerPath, permissions } of wanted) {
    for (const device of await named(hostPath, containerPath || hostPath)) {
      devices.set(device.path, device);
      const { type, major, minor } = device;
      rules.push({ allow: true, type, major, minor, access: permissions || 'rwm' });
    }
  }
  return { devices: [...devices.values()], rules };
}

/** One device, or, where the path is a folder such as /dev/snd, all below it. */
async function named(hostPath: string, path: string): Promise<OciDevice[]> {
  const info = await stat(hostPath).catch((cause: unknown) => {
    throw new CodedError('invalid-argument', `the device ${hostPath} does not exist on this machine`, {
      cause,
    });
  });
  if (info.isDirectory()) {
    const below = await everyDevice(hostPath);
    return below.map((device) => ({ ...device, path: join(path, device.path.slice(hostPath.length)) }));
  }
  const device = describe(path, info);
  if (device === undefined) throw new CodedError('invalid-argument', `${hostPath} is not a device`);
  return [device];
}

async function everyDevice(folder: string): Promise<OciDevice[]> {
  const found: OciDevice[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (folder === '/dev' && ownEntries.has(entry.name)) continue;
    if (entry.isDirectory()) found.push(...(await everyDevice(path)));
    else if (!entry.isSymbolicLink()) {
      // Asked for itself: where a device is mounted on a file, the listing says that it is a file.
      const device = describe(path, await lstat(path));
      if (device) found.push(device);
    }
    if (found.length > mostDevices) break;
  }
  return found.slice(0, mostDevices);
}

function describe(path: string, info: Awaited<ReturnType<typeof lstat>>): OciDevice | undefined {
  const type = info.isCharacterDevice() ? 'c' : info.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  const { major, minor } = deviceNumber(BigInt(info.rdev));
  const { mode, uid, gid } = info;
  return { path, type, major, minor, fileMode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid) };
}

/** glibc's packing of `dev_t`. */
export function deviceNumber(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn);
  return { major: Number(major), minor: Number(minor) };
}

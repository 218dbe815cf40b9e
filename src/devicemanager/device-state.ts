import { join } from 'node:path';
import { KeptValue } from '../checkpointmanager/defined-checkpoint.ts';
import { CheckpointManager } from '../checkpointmanager/manager.ts';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import { type DeviceManagerState, deviceManager } from '../kubeletstate/device-manager.ts';
import { FileStore } from '../localfs/file-store.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { replaceSettingAside } from '../localfs/set-aside.ts';
import type { Log } from '../pods/node-pods.ts';
import { stateOf } from './allocations.ts';

/** Name of the state file in the plugins' directory: the kubelet's. */
export const stateFile = 'kubelet_internal_checkpoint';
/** Permission bits of the plugins' directory: the kubelet's. */
const directoryMode = 0o750;

/**
 * What was given to whom, in the kubelet's file; version 1 is read, version 2 written. A file that cannot be read
 * is set aside and told, and nothing is known then: as at the kubelet, which goes on without it.
 */
export async function openDeviceState(directory: string, log: Log): Promise<KeptValue<DeviceManagerState>> {
  await makeDirectories(directory, directoryMode);
  const manager = new CheckpointManager(await FileStore.open(directory));
  const open = () => KeptValue.open(manager, stateFile, deviceManager, stateOf([], new Map()));
  try {
    return await open();
  } catch (error) {
    if (!isCoded(error)) throw error;
    const aside = await replaceSettingAside(join(directory, stateFile), undefined, 'corrupt', new Date());
    log(
      'error',
      'Continue after failing to read checkpoint file. Device allocation info may NOT be up-to-date: ' +
        `${messageOf(error)}; the file is ${aside} now`,
    );
    return open();
  }
}

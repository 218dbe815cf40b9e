import { join } from 'node:path';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { messageOf } from '../errors/coded-error.ts';
import { Registration } from '../gen/deviceplugin/v1beta1/api_pb.ts';
import { isExtendedResourceName } from '../kubeletstate/resource-name.ts';
import type { Log } from '../pods/node-pods.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { refusals, speaks } from './texts.ts';

/**
 * `v1beta1.Registration`: plugins announce themselves by the file name of a socket in `directory`, and are reached
 * there before they get their answer.
 */
export function registration(
  registry: DeviceRegistry,
  directory: string,
  log: Log,
): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Registration, {
      async register({ version, endpoint, resourceName }, { signal }) {
        registry.metrics.registration(resourceName);
        try {
          if (!speaks([version])) throw refusals.version(version);
          if (!isExtendedResourceName(resourceName)) throw refusals.name(resourceName);
          await registry.connect(resourceName, join(directory, endpoint), signal);
          return {};
        } catch (error) {
          log('error', `a device plugin is refused: ${messageOf(error)}`, {
            resource: resourceName,
            endpoint,
          });
          // The kubelet answers with plain errors, which Go's gRPC gives this code.
          throw new ConnectError(messageOf(error), Code.Unknown);
        }
      },
    });
  };
}

import { join } from 'node:path';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { serveCri } from '../../src/daemon/cri-server.ts';
import { ImageService, RuntimeService } from '../../src/gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime } from '../../src/runtime/builtin/builtin-runtime.ts';
import { openSocket } from '../../src/runtime/cri/cri-runtime.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs } from '../engines/image.ts';
import { busyboxImage, writeOciArchive } from '../images.ts';
import { noCni } from '../runtime.ts';
import { type CriUnderTest, criContract } from './cri.ts';

const name = 'localhost/busybox:1';

async function imageIn(folder: string): Promise<string> {
  const path = join(folder, 'busybox.tar');
  await writeOciArchive(path, name, busyboxImage());
  return path;
}

for (const handler of ['crun', 'runc'] as const) {
  criContract(`the built-in runtime over ${handler}`, async (folder): Promise<CriUnderTest> => {
    const open = await createBuiltinRuntime({
      ...{ root: join(folder, 'root'), state: join(folder, 'state'), cni: noCni },
    });
    const transport = createRouterTransport((router) => open.routes(router));
    const images = createClient(ImageService, transport);
    await images.pullImage({ image: { image: `oci-archive:${await imageIn(folder)}` } });
    const runtime = createClient(RuntimeService, transport);
    return { runtime, images, image: name, handler, stop: () => open.close() };
  });
}

criContract('the built-in runtime over its socket', async (folder): Promise<CriUnderTest> => {
  const path = join(folder, 'cri.sock');
  const settings = { socket: path, runtimeRoot: join(folder, 'root'), runtimeState: join(folder, 'state') };
  const images = [`oci-archive:${await imageIn(folder)}`];
  const server = await serveCri({ ...settings, cni: noCni, ociRuntime: 'crun', images }, '0.0.0', () => {});
  const client = openSocket(path);
  const stop = async () => {
    client.close();
    await server.close();
  };
  return { runtime: client.runtime, images: client.images, image: name, handler: 'crun', stop };
});

criContract('containerd', async (folder): Promise<CriUnderTest> => {
  await makeRootfs(join(folder, 'rootfs'), []);
  const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
  await containerd.load(await imageIn(folder));
  const { runtime, images, stop } = containerd;
  return { runtime, images, image: name, handler: 'crun', stop };
});

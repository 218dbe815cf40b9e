import { join } from 'node:path';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { ImageService, RuntimeService } from '../../src/gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime } from '../../src/runtime/builtin/builtin-runtime.ts';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs } from '../engines/image.ts';
import { busyboxImage, writeOciArchive } from '../images.ts';
import { type CriUnderTest, criContract } from './cri.ts';

const name = 'localhost/busybox:1';

async function imageIn(folder: string): Promise<string> {
  const path = join(folder, 'busybox.tar');
  await writeOciArchive(path, name, busyboxImage());
  return path;
}

for (const handler of ['crun', 'runc'] as const) {
  criContract(`the built-in runtime over ${handler}`, async (folder): Promise<CriUnderTest> => {
    const open = await createBuiltinRuntime({ root: join(folder, 'root'), state: join(folder, 'state') });
    const transport = createRouterTransport((router) => open.routes(router));
    const images = createClient(ImageService, transport);
    await images.pullImage({ image: { image: `oci-archive:${await imageIn(folder)}` } });
    const runtime = createClient(RuntimeService, transport);
    return { runtime, images, image: name, handler, stop: () => open.close() };
  });
}

criContract('containerd', async (folder): Promise<CriUnderTest> => {
  await makeRootfs(join(folder, 'rootfs'), []);
  const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
  await containerd.load(await imageIn(folder));
  const { runtime, images, stop } = containerd;
  return { runtime, images, image: name, handler: 'crun', stop };
});

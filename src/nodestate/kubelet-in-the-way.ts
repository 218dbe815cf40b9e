import { runningKubelet } from '../localfs/running-kubelet.ts';

/** Why state files below `root` are not to be written now; undefined where no kubelet works with them. */
export async function kubeletInTheWay(root: string): Promise<string | undefined> {
  const running = await runningKubelet(root);
  if (!running) return undefined;
  return `a kubelet is running: ${running.how}. Its memory and the file would differ, and it would write over the change`;
}

import { defineCommand } from '../command.ts';

export const state = defineCommand({
  name: 'state',
  short: "Look into, verify, repair and convert the kubelet's state files",
  long: `Look into, verify, repair and convert the files that a kubelet keeps with its checkpoint manager:
cpu_manager_state, memory_manager_state, kubelet_internal_checkpoint, dra_manager_state, the allocated and
actuated pods, and those of dockershim and cri-dockerd. Without arguments the files are those of this node.`,
  commands: {
    list: async () => (await import('./state-list.ts')).stateList,
    show: async () => (await import('./state-show.ts')).stateShow,
    verify: async () => (await import('./state-verify.ts')).stateVerify,
    diff: async () => (await import('./state-diff.ts')).stateDiff,
    repair: async () => (await import('./state-repair.ts')).stateRepair,
    convert: async () => (await import('./state-convert.ts')).stateConvert,
    reset: async () => (await import('./state-reset.ts')).stateReset,
    watch: async () => (await import('./state-watch.ts')).stateWatch,
    preflight: async () => (await import('./state-preflight.ts')).statePreflight,
  },
});

import type { RuntimeQuirks } from './quirks.ts';

/** CRI-O, 1.25 and newer. */
export const crio: RuntimeQuirks = {
  runtimeName: 'cri-o',
  title: 'CRI-O',
  refusal: ({ major, minor }) =>
    major === 1 && minor < 25
      ? { why: 'CRI-O has checkpoints since 1.25', hint: 'upgrade CRI-O' }
      : undefined,
  restores: {
    target: 'cri-o',
    refusal: () => undefined,
    failures: [
      {
        match: /expects following bind mounts defined/,
        hint: 'give the container mounts at the paths that are named',
      },
      {
        match: /cannot verify image signature/,
        hint: 'take signature_policy out of /etc/crio/crio.conf: CRI-O refuses to restore with it',
      },
      {
        match: /checkpoint\/restore support not available/,
        hint: 'install criu 3.16 or newer; container_level_enabled under [crio.checkpoint_restore] must be "checkpoint_restore"',
      },
    ],
  },
  noPods:
    'CRI-O lets each container run again after its own checkpoint, so several cannot be captured at one moment; freezing all of the pod from outside would end it',
  failures: [
    {
      match: /checkpoint\/restore support not available/,
      hint: 'install criu 3.16 or newer; before CRI-O 1.30 set enable_criu_support = true under [crio.runtime] in /etc/crio/crio.conf, in the newest container_level_enabled under [crio.checkpoint_restore] must not be "none"',
    },
    {
      match: /failed to pause container .* before checkpointing/,
      hint: 'somebody else has frozen the container, or it has just ended',
    },
  ],
};

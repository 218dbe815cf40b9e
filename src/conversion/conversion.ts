import type { Engine } from '../checkpoint/engine.ts';

/** Engines that an archive can be made ready for, as they are named on the command line. */
export const targets = ['containerd', 'cri-o', 'podman', 'stasis'] as const;

export type Target = (typeof targets)[number];

/** The engines as archives and people name them. */
export const engineNames: Readonly<Record<Target, Engine>> = {
  containerd: 'containerd',
  'cri-o': 'CRI-O',
  podman: 'Podman',
  stasis: 'stasis',
};

/** The programs that run containers for the engines. */
export type Program = 'crun' | 'runc';

/** What whoever converts knows better than the archive. What is left out is taken from the archive. */
export interface ConversionOptions {
  target: Target;
  /** The program that is going to restore. */
  program?: Program | undefined;
  /** The image that the container runs on, as the target knows it. */
  image?: string | undefined;
  /** Its id: the digest of its configuration, by which Podman and CRI-O look it up. */
  imageId?: string | undefined;
  /** The container's name. */
  name?: string | undefined;
  /** For Podman: the container is restored into a pod, with `--pod`. */
  pod?: boolean | undefined;
  /** Sources on the node by the path in the container at which they are mounted. */
  mounts?: ReadonlyMap<string, string> | undefined;
}

/** Something that whoever restores has to know. */
export interface ConversionNote {
  /**
   * `lost`: the target has no place for it. `changed`: it will be otherwise than it was. `needed`: it must be
   * there, or said, when the archive is restored.
   */
  kind: 'lost' | 'changed' | 'needed';
  /** A member, a path in the container, an option. */
  about: string;
  detail: string;
}

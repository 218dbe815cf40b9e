/**
 * An option of ours in CRI's `CheckpointPod`, with the value `true`: the containers stay frozen until the caller
 * has removed `output_path`. Whoever means to end the pod after its checkpoint ends it meanwhile, so that nothing
 * it would have done in between is lost.
 */
export const frozenUntilRemoved = 'frozen-until-removed';

/**
 * An option of ours in CRI's `RestorePod`, with the value `true`, and an annotation of a container that is created
 * from an archive: connections that were open are restored closed, as if the other end had gone.
 */
export const tcpClose = 'tcp-close';

/**
 * What the names of options of ours in CRI's `CheckpointPod` begin with: `volume/NAME` is a folder that the pod's
 * containers share. What is in it is written to `volumes/NAME.tar` below `output_path` while they stand still.
 */
export const volumeOption = 'volume/';

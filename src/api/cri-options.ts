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

import { crun } from './crun.ts';
import type { RuntimeName, RuntimeProgram } from './oci-runtime.ts';
import { runc } from './runc.ts';

/** The OCI runtime programs that are known, by name. */
export const runtimePrograms: Readonly<Record<RuntimeName, RuntimeProgram>> = { crun, runc };

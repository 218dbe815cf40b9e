import { type CpuSet, parseCpuSet } from '../kubeletstate/cpuset.ts';
import { parseQuantity } from '../pods/quantity.ts';
import { type Field, mapOf, object, oneOf, text } from '../pods/schema.ts';
import { parseDuration } from './duration.ts';

/** The members of a KubeletConfiguration that say who gets which CPUs. */
export interface CpuConfiguration {
  cpuManagerPolicy?: 'none' | 'static';
  cpuManagerPolicyOptions?: Record<string, string>;
  /** Seconds. */
  cpuManagerReconcilePeriod?: number;
  reservedSystemCPUs?: string;
  kubeReserved?: Record<string, string>;
  systemReserved?: Record<string, string>;
}

export interface CpuSettings {
  policy: 'none' | 'static';
  /** The CPUs that no container gets for itself, or how many. */
  reserved: CpuSet | number;
  strictReservation: boolean;
  fullCores: boolean;
  /** Seconds between two comparisons of what containers have with what they should have. */
  reconcileSeconds: number;
}

const cpus: Field<string> = (value, path, reading) => {
  try {
    if (typeof value === 'string') {
      parseCpuSet(value);
      return value;
    }
  } catch {
    // Said below.
  }
  return reading.refuse(path, 'is not a list of CPUs such as 0-1,8');
};
const seconds: Field<number> = (value, path, reading) =>
  (typeof value === 'string' ? parseDuration(value) : undefined) ??
  reading.refuse(path, 'is not a duration such as 10s');
const amounts: Field<Record<string, string>> = (value, path, reading) => {
  const read = mapOf(text)(value, path, reading);
  const wrong = Object.entries(read ?? {}).find(
    ([name, amount]) => name !== 'pid' && parseQuantity(amount) === undefined,
  );
  return wrong ? reading.refuse(`${path}.${wrong[0]}`, 'is not a quantity such as 500m') : read;
};

export const cpuFields = {
  cpuManagerPolicy: oneOf('none', 'static'),
  cpuManagerPolicyOptions: object({
    'strict-cpu-reservation': oneOf('true', 'false'),
    'full-pcpus-only': oneOf('true', 'false'),
  }),
  cpuManagerReconcilePeriod: seconds,
  reservedSystemCPUs: cpus,
  kubeReserved: amounts,
  systemReserved: amounts,
  // Nothing is aligned with anything.
  topologyManagerPolicy: oneOf('none'),
};

/** What the configuration says, with the kubelet's defaults. */
export function cpuSettingsOf(file: CpuConfiguration): CpuSettings {
  const amount = (reserved: Record<string, string> | undefined) =>
    parseQuantity(reserved?.['cpu'] ?? '0') ?? 0;
  const named = parseCpuSet(file.reservedSystemCPUs ?? '');
  const options = file.cpuManagerPolicyOptions ?? {};
  return {
    policy: file.cpuManagerPolicy ?? 'none',
    reserved: named.length > 0 ? named : Math.ceil(amount(file.kubeReserved) + amount(file.systemReserved)),
    strictReservation: options['strict-cpu-reservation'] === 'true',
    fullCores: options['full-pcpus-only'] === 'true',
    reconcileSeconds: Math.max(1, file.cpuManagerReconcilePeriod ?? 10),
  };
}

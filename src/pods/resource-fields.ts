import { isExtendedResourceName, isHugePageResourceName } from '../kubeletstate/resource-name.ts';
import type { Resources } from './pod.ts';
import { parseQuantity } from './quantity.ts';
import { type Field, object, type Reading } from './schema.ts';

export const quantity: Field<string> = (value, path, reading) => {
  const written = typeof value === 'number' ? String(value) : value;
  if (typeof written === 'string' && parseQuantity(written) !== undefined) return written;
  return reading.refuse(path, 'is not a quantity such as 250m or 64Mi');
};

/** Devices are whole, and a container has at most so many of a kind. */
const mostDevices = 100_000;
const count: Field<string> = (value, path, reading) => {
  const written = typeof value === 'number' ? String(value) : value;
  const number = typeof written === 'string' ? parseQuantity(written) : undefined;
  if (Number.isInteger(number) && (number ?? 0) <= mostDevices) return written as string;
  return reading.refuse(path, `must be an integer, from 0 to ${mostDevices}`);
};

const own = { cpu: quantity, memory: quantity };

/** Amounts by resource: those of the machine, huge pages, and devices under the names of their plugins' resources. */
const amounts: Field<Resources> = (value, path, reading) => {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const devices = names.filter(isExtendedResourceName).map((name) => [name, count] as const);
  const pages = names.filter(isHugePages).map((name) => [name, quantity] as const);
  return object({ ...own, ...Object.fromEntries([...devices, ...pages]) })(value, path, reading);
};

/** `hugepages-2Mi`. */
function isHugePages(name: string): boolean {
  return isHugePageResourceName(name) && (parseQuantity(name.slice('hugepages-'.length)) ?? 0) > 0;
}

const both = object({ limits: amounts, requests: amounts });

/** What a container may use, and what is set aside for it; of devices and huge pages both are the same. */
export const resources: typeof both = (value, path, reading) => {
  const read = both(value, path, reading);
  if (read) checkSame(read, path, reading);
  return read;
};

function checkSame(read: NonNullable<ReturnType<typeof both>>, path: string, reading: Reading): void {
  for (const [name, request] of Object.entries(read.requests ?? {})) {
    if (!isExtendedResourceName(name) && !isHugePages(name)) continue;
    const limit = read.limits?.[name];
    const at = `${path}.requests.${name}`;
    if (limit === undefined) reading.refuse(at, 'needs a limit of the same size: it is not shared');
    else if (parseQuantity(limit) !== parseQuantity(request)) {
      reading.refuse(at, `must be equal to ${name} limit of ${limit}`);
    }
  }
}

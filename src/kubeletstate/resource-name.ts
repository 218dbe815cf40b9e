/** Labels of a DNS name, with dots between. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const namePart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
/** Kubernetes keeps quotas of a resource under this prefix, and checks names with it. */
const quotaPrefix = 'requests.';

/**
 * Whether `name` is one of a resource that somebody else than Kubernetes brings, as `vendor.com/gpu`: with a
 * prefix, none of Kubernetes' own, and a qualified name also with `requests.` before it.
 */
export function isExtendedResourceName(name: string): boolean {
  if (!name.includes('/') || name.includes('kubernetes.io/') || name.startsWith(quotaPrefix)) return false;
  const [prefix = '', part = '', ...more] = `${quotaPrefix}${name}`.split('/');
  if (more.length > 0 || prefix.length > 253 || part.length > 63) return false;
  return subdomain.test(prefix) && namePart.test(part);
}

/** Whether `name` is one of huge pages: `hugepages-2Mi`. */
export function isHugePageResourceName(name: string): boolean {
  return name.startsWith('hugepages-');
}

/** Whether `name` is one of memory that belongs to NUMA nodes: `memory` or huge pages. */
export function isMemoryResourceName(name: string): boolean {
  return name === 'memory' || isHugePageResourceName(name);
}

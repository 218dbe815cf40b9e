import { CodedError } from '../errors/coded-error.ts';

/**
 * The full name of an image, with registry and tag, as Podman and buildah complete a short one:
 * `ck` becomes `localhost/ck:latest`.
 * @throws CodedError `invalid-argument` when it is no image name.
 */
export function fullReference(name: string): string {
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  const path = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? 'latest' : name.slice(colon + 1);
  const parts = path.split('/');
  const [first = ''] = parts;
  const registry = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost');
  const components = registry ? parts.slice(1) : parts;
  const component = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
  const ok =
    components.length > 0 &&
    components.every((part) => component.test(part)) &&
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag) &&
    (!registry || /^[A-Za-z0-9.-]+(?::[0-9]{1,5})?$/.test(first)) &&
    path.length <= 255;
  if (!ok) {
    throw new CodedError('invalid-argument', `${JSON.stringify(name)} is no name for an image`, {
      hint: 'names look like quay.io/team/checkpoint:tag, in lower case',
    });
  }
  return `${registry ? '' : 'localhost/'}${path}:${tag}`;
}

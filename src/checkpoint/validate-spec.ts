import type { Json, JsonObject } from '../bytes/go-json.ts';

/** Something in a specification that acts on the node when the container is restored. */
export interface SpecProblem {
  severity: 'error' | 'warning';
  /** Where in `spec.dump`. */
  about: string;
  /** For people: what was found and why it matters. */
  detail: string;
}

/** Annotations that a runtime obeys, and what they let the archive's author do. */
const obeyed: readonly (readonly [name: RegExp, detail: string])[] = [
  [/^org\.criu\.config$/, 'it names a configuration file for CRIU, which may run programs as root'],
  [/^run\.oci\.hooks\.|^io\.podman\.annotations\..*hook/, 'it changes the hooks that run on the node'],
  [/^run\.oci\.handler$/, 'it changes the program that runs the container'],
  [/^run\.oci\.(keep_original_groups|seccomp_)/, 'it changes the rights of the container'],
];

const longestName = 253;
const longestValue = 256 << 10;

/** Looks at what of a specification reaches out of the container: annotations that are obeyed, and hooks. */
export function validateSpec(spec: JsonObject): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const annotations = spec.get('annotations');
  for (const [name, value] of annotations instanceof Map ? annotations : []) {
    for (const problem of annotationProblems(name, value)) problems.push(problem);
  }
  const hooks = spec.get('hooks');
  for (const [kind, list] of hooks instanceof Map ? hooks : []) {
    for (const hook of Array.isArray(list) ? list : []) {
      const path = hook instanceof Map ? hook.get('path') : undefined;
      const detail = `${typeof path === 'string' ? JSON.stringify(path) : 'a program'} runs on the node, outside of the container`;
      problems.push({ severity: 'warning', about: `hook ${kind}`, detail });
    }
  }
  return problems;
}

function annotationProblems(name: string, value: Json): SpecProblem[] {
  const about = `annotation ${name}`;
  const found = obeyed.filter(([pattern]) => pattern.test(name)).map(([, detail]) => detail);
  const problems: SpecProblem[] = found.map((detail) => ({ severity: 'warning', about, detail }));
  const text = typeof value === 'string' ? value : '';
  if (hasControls(name) || hasControls(text.replace(/[\n\r\t]/g, ''))) {
    problems.push({
      severity: 'error',
      about,
      detail: 'it holds control characters, which act on terminals',
    });
  }
  if (name.length > longestName || text.length > longestValue) {
    problems.push({ severity: 'error', about, detail: 'it is longer than any program accepts' });
  }
  return problems;
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

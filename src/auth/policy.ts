import { parseDocument } from 'yaml';
import { CodedError } from '../errors/coded-error.ts';
import type { Attributes, User } from './attributes.ts';

/** Whether `user` may do what `attributes` say. Throws where it cannot be found out. */
export type Authorizer = (user: User, attributes: Attributes, signal: AbortSignal) => Promise<boolean>;

/** Lets everyone who has been authenticated do everything. */
export const alwaysAllow: Authorizer = async () => true;

/** One grant. `*` stands for any verb, or any resource. */
export interface PolicyRule {
  users: readonly string[];
  groups: readonly string[];
  verbs: readonly string[];
  /** `nodes/checkpoint`, `nodes/*`, `*`. */
  resources: readonly string[];
}

/** Lets those through to whom one of the rules grants it; nothing is granted otherwise. */
export function localPolicy(rules: () => readonly PolicyRule[]): Authorizer {
  return async (user, attributes) => rules().some((rule) => grants(rule, user, attributes));
}

const ruleKeys = ['users', 'groups', 'verbs', 'resources'] as const;

/**
 * The rules of a local policy file, YAML or JSON:
 * `{apiVersion: stasis/v1, kind: Policy, rules: [{users, groups, verbs, resources}]}`.
 * @param file name of the file, for messages
 * @throws CodedError `invalid-argument` naming what is wrong and where.
 */
export function parsePolicy(text: string, file: string): readonly PolicyRule[] {
  const fail = (what: string): never => {
    throw new CodedError('invalid-argument', `reading ${file}: ${what}`);
  };
  const document = parseDocument(text, { uniqueKeys: true });
  const problem = document.errors[0];
  if (problem) fail(problem.message.split('\n')[0] ?? 'not YAML');
  const root: unknown = document.toJS({ maxAliasCount: 0 });
  if (!isRecord(root) || root['apiVersion'] !== 'stasis/v1' || root['kind'] !== 'Policy') {
    return fail('it is not apiVersion stasis/v1, kind Policy');
  }
  const unknown = Object.keys(root).find((key) => !['apiVersion', 'kind', 'rules'].includes(key));
  if (unknown) fail(`unknown field ${unknown}`);
  const rules = root['rules'];
  if (!Array.isArray(rules)) return fail('rules is not a list');
  return rules.map((rule: unknown, index) => ruleOf(rule, (what) => fail(`rules[${index}]${what}`)));
}

function ruleOf(rule: unknown, fail: (what: string) => never): PolicyRule {
  if (!isRecord(rule)) return fail(' is not a map');
  const unknown = Object.keys(rule).find((key) => !(ruleKeys as readonly string[]).includes(key));
  if (unknown) fail(`.${unknown} is not known here`);
  const texts = (key: (typeof ruleKeys)[number]): readonly string[] => {
    const value = rule[key] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    return fail(`.${key} is not a list of texts`);
  };
  const made = {
    users: texts('users'),
    groups: texts('groups'),
    verbs: texts('verbs'),
    resources: texts('resources'),
  };
  if (made.users.length + made.groups.length === 0) fail(' names neither users nor groups');
  if (made.verbs.length === 0) fail('.verbs is empty');
  if (made.resources.length === 0) fail('.resources is empty');
  return made;
}

function grants(rule: PolicyRule, user: User, attributes: Attributes): boolean {
  const subject = rule.users.includes(user.name) || rule.groups.some((group) => user.groups.includes(group));
  if (!subject) return false;
  if (!rule.verbs.includes('*') && !rule.verbs.includes(attributes.verb)) return false;
  return rule.resources.some(
    (resource) =>
      resource === '*' ||
      resource === `${attributes.resource}/*` ||
      attributes.subresources.some((sub) => resource === `${attributes.resource}/${sub}`),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

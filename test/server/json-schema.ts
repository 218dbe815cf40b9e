/**
 * Checks data against the part of JSON Schema 2020-12 that the daemon's schemas use. A keyword that is not known
 * here is an error, so that none is passed over.
 */
type Schema = Readonly<Record<string, unknown>>;
type Check = (wanted: never, value: unknown, schema: Schema, at: string, root: Schema) => string[];

const typeOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'array'
      : Number.isInteger(value)
        ? 'integer'
        : typeof value;
const isObject = (value: unknown): value is Record<string, unknown> => typeOf(value) === 'object';
const only = (wrong: boolean, at: string, what: string): string[] => (wrong ? [`${at} ${what}`] : []);

const checks: Readonly<Record<string, Check>> = {
  type: (wanted: string | string[], value, _schema, at) => {
    const types = [wanted].flat();
    const fits = types.includes(typeOf(value)) || (types.includes('number') && typeof value === 'number');
    return only(!fits, at, `is ${typeOf(value)}, not ${types.join(' or ')}`);
  },
  enum: (wanted: unknown[], value, _schema, at) =>
    only(!wanted.includes(value), at, `is ${JSON.stringify(value)}`),
  pattern: (wanted: string, value, _schema, at) =>
    only(typeof value === 'string' && !new RegExp(wanted, 'u').test(value), at, `is not like ${wanted}`),
  minimum: (wanted: number, value, _schema, at) =>
    only(typeof value === 'number' && value < wanted, at, 'is small'),
  maximum: (wanted: number, value, _schema, at) =>
    only(typeof value === 'number' && value > wanted, at, 'is large'),
  minLength: (wanted: number, value, _schema, at) =>
    only(typeof value === 'string' && value.length < wanted, at, 'is short'),
  maxLength: (wanted: number, value, _schema, at) =>
    only(typeof value === 'string' && value.length > wanted, at, 'is long'),
  maxItems: (wanted: number, value, _schema, at) =>
    only(Array.isArray(value) && value.length > wanted, at, 'has many items'),
  required: (wanted: string[], value, _schema, at) =>
    isObject(value) ? wanted.flatMap((name) => only(!Object.hasOwn(value, name), at, `lacks ${name}`)) : [],
  properties: (wanted: Record<string, Schema>, value, _schema, at, root) =>
    isObject(value)
      ? Object.entries(value).flatMap(([name, member]) =>
          wanted[name] ? mismatches(wanted[name], member, root, `${at}.${name}`) : [],
        )
      : [],
  additionalProperties: (wanted: boolean, value, schema, at) => {
    const known = Object.keys((schema['properties'] ?? {}) as object);
    if (wanted || !isObject(value)) return [];
    return Object.keys(value).flatMap((name) =>
      only(!known.includes(name), at, `has ${name}, which is unknown`),
    );
  },
  items: (wanted: Schema, value, _schema, at, root) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => mismatches(wanted, item, root, `${at}[${index}]`))
      : [],
  oneOf: (wanted: Schema[], value, _schema, at, root) => {
    const fitting = wanted.filter((schema) => mismatches(schema, value, root, at).length === 0).length;
    return only(fitting !== 1, at, `fits ${fitting} of its kinds`);
  },
  anyOf: (wanted: Schema[], value, _schema, at, root) =>
    only(
      !wanted.some((schema) => mismatches(schema, value, root, at).length === 0),
      at,
      'fits none of its kinds',
    ),
  $ref: (wanted: string, value, _schema, at, root) => mismatches(resolve(wanted, root), value, root, at),
};

function resolve(reference: string, root: Schema): Schema {
  let found: unknown = root;
  for (const part of reference.replace(/^#\//, '').split('/')) found = (found as Schema | undefined)?.[part];
  if (isObject(found)) return found;
  throw new Error(`${reference} leads nowhere`);
}

/**
 * What of `value` is not as the schema says; nothing where all is.
 * @param root the document that references are looked up in
 */
export function mismatches(schema: Schema, value: unknown, root: Schema, at = 'it'): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    const check = checks[keyword];
    if (!check) throw new Error(`the keyword ${keyword} is not known here`);
    return check(wanted as never, value, schema, at, root);
  });
}

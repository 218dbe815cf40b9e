/** The words that the shapes of bodies are written in, as JSON Schema 2020-12. */

export type Schema = Readonly<Record<string, unknown>>;

export const text: Schema = { type: 'string' };
export const path: Schema = { type: 'string', pattern: '^/' };
export const flag: Schema = { type: 'boolean' };
export const count: Schema = { type: 'integer', minimum: 0 };
export const time: Schema = {
  type: 'string',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$',
};
export const refer = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const listOf = (items: Schema): Schema => ({ type: 'array', items });
export const oneOf = (...values: readonly string[]): Schema => ({ enum: values });
/** An object with exactly these members; a question mark at the end of a name lets it be absent. */
export function exactly(members: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: entries.flatMap(([name]) => (name.endsWith('?') ? [] : [name])),
    additionalProperties: false,
  };
}
export const typed = (kind: string) => ({ apiVersion: oneOf('stasis/v1'), kind: oneOf(kind) });
export const list = (kind: string, item: string): Schema =>
  exactly({ ...typed(kind), items: listOf(refer(item)) });

/** Further members are of the file's own kind, or those of a section. */
export const open = (members: Readonly<Record<string, Schema>>): Schema => ({
  ...exactly(members),
  additionalProperties: true,
});

/**
 * A protoc plugin: for each message an interface and a table of its fields, as plain data that
 * `src/bytes/proto2-*.ts` reads and writes by. The image formats use it instead of protoc-gen-es because
 * those modules cost tens of milliseconds to load, and because a field keeps the name its format gave it.
 */
import { readFileSync, writeSync } from 'node:fs';
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  getExtension,
  hasExtension,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  FieldDescriptorProto_Label,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));

const nameOf = (desc: DescMessage | DescEnum): string =>
  desc.typeName.slice(desc.file.proto.package.length + 1).replaceAll('.', '');

const rules: Record<number, string> = {
  [FieldDescriptorProto_Label.OPTIONAL]: 'optional',
  [FieldDescriptorProto_Label.REQUIRED]: 'required',
  [FieldDescriptorProto_Label.REPEATED]: 'repeated',
};

const wide: readonly string[] = ['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'];

function kindOf(field: DescField): string {
  if (field.message) return 'message';
  if (field.enum) return 'enum';
  if (field.scalar === undefined) throw new Error(`no table for ${field}`);
  return (ScalarType[field.scalar] ?? '').toLowerCase();
}

function typeOf(field: DescField): string {
  if (field.message) return nameOf(field.message);
  const kind = kindOf(field);
  if (wide.includes(kind)) return 'bigint';
  return { string: 'string', bytes: 'Uint8Array', bool: 'boolean' }[kind] ?? 'number';
}

/** The members of the option `(display)` as source text, `, hex: true`. */
function displayOf(field: DescField, extension: DescExtension | undefined): string {
  const options = field.proto.options;
  if (!extension || !options || !hasExtension(options, extension)) return '';
  const shown = getExtension(options, extension) as Record<string, unknown>;
  return (extension.message?.fields ?? [])
    .filter((one) => shown[one.localName] !== undefined && Object.hasOwn(shown, one.localName))
    .map((one) => `, ${one.localName}: ${JSON.stringify(shown[one.localName])}`)
    .join('');
}

function fieldLines(field: DescField, extension: DescExtension | undefined): { type: string; table: string } {
  const rule = rules[field.proto.label] ?? '';
  const type = typeOf(field);
  const optional = rule === 'optional' ? '?' : '';
  const many = rule === 'repeated' ? '[]' : '';
  const of = field.message ?? field.enum;
  const target = of ? `, of: () => ${nameOf(of)}` : '';
  const packed = field.proto.options?.packed ? ', packed: true' : '';
  const head = `no: ${field.number}, name: '${field.name}', kind: '${kindOf(field)}', rule: '${rule}'`;
  return {
    type: `  ${field.name}${optional}: ${type}${many};`,
    table: `    { ${head}${target}${packed}${displayOf(field, extension)} },`,
  };
}

function messageText(message: DescMessage, extension: DescExtension | undefined): string {
  const name = nameOf(message);
  const fields = [...message.fields].sort((a, b) => a.number - b.number);
  const lines = fields.map((field) => fieldLines(field, extension));
  return [
    `export interface ${name} {`,
    ...lines.map((line) => line.type),
    '}',
    `export const ${name}: MessageType<${name}> = {`,
    `  name: '${name}',`,
    '  fields: [',
    ...lines.map((line) => line.table),
    '  ],',
    '};',
    '',
  ].join('\n');
}

function enumText(desc: DescEnum): string {
  const values = desc.values.map((value) => `  ${value.name}: ${value.number},`);
  return [`export const ${nameOf(desc)} = {`, ...values, '} as const;', ''].join('\n');
}

function importsOf(file: DescFile): string[] {
  const wanted = new Map<string, Set<string>>();
  for (const message of file.messages) {
    for (const field of message.fields) {
      const of = field.message ?? field.enum;
      if (!of || of.file === file) continue;
      wanted.set(of.file.name, (wanted.get(of.file.name) ?? new Set()).add(nameOf(of)));
    }
  }
  return [...wanted]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, symbols]) =>
        `import { ${[...symbols].sort().join(', ')} } from './${name.split('/').at(-1)}.ts';`,
    );
}

function fileText(file: DescFile, extension: DescExtension | undefined): string {
  const enums = [...file.enums, ...file.messages.flatMap((message) => message.nestedEnums)];
  return [
    `// Generated from proto/${file.name}.proto by scripts/protoc-gen-tables.ts: do not edit.`,
    "import type { MessageType } from '../../bytes/proto2-schema.ts';",
    ...importsOf(file),
    '',
    ...enums.map(enumText),
    ...file.messages.map((message) => messageText(message, extension)),
  ].join('\n');
}

const extension = registry.getExtension('criu.display');
const file = request.fileToGenerate
  .map((name) => registry.getFile(name))
  .filter((desc) => desc !== undefined)
  .filter((desc) => desc.messages.length > 0 && !desc.extensions.length)
  .map((desc) => ({ name: `${desc.name}.ts`, content: fileText(desc, extension) }));
const supportedFeatures = BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL);
const answer = toBinary(
  CodeGeneratorResponseSchema,
  create(CodeGeneratorResponseSchema, { file, supportedFeatures }),
);
for (let at = 0; at < answer.length; ) at += writeSync(1, answer, at);

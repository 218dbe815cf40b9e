import { type Endpoint, endpointNames, endpointOf, type Parameter } from './endpoints.ts';
import { schemas } from './schemas.ts';

type Node = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of the daemon, made from the tables of endpoints and schemas. */
export function openApiDocument(version: string): Node {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const name of endpointNames) {
    const endpoint = endpointOf(name);
    const item = paths[endpoint.path] ?? {};
    item[endpoint.method.toLowerCase()] = operationOf(name, endpoint);
    paths[endpoint.path] = item;
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'stasisd',
      version,
      description: 'Checkpoints on a Kubernetes node: made, kept, looked into, restored.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { certificate: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        certificate: { type: 'mutualTLS' },
      },
    },
  };
}

function operationOf(name: string, endpoint: Endpoint): Node {
  const { about, query = {}, body, upload, bodyOptional, answers, open } = endpoint;
  const parts = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, part = '']) => part);
  const parameters = [
    ...parts.map((part) => ({ name: part, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query).map(([key, parameter]) => queryParameter(key, parameter)),
  ];
  return {
    operationId: name,
    summary: about,
    ...(open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: !bodyOptional, content: jsonContent(body) } } : {}),
    ...(upload ? { requestBody: { required: true, content: { [upload]: {} } } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { about: description, type, schema }]) => [
          status,
          { description, ...(schema || type ? { content: contentOf(type, schema) } : {}) },
        ]),
      ),
      default: failure(name),
    },
  };
}

/** What is said where it goes wrong: the kubelet's API and those who are not let in get plain text. */
function failure(name: string): Node {
  const plain = { 'text/plain; charset=utf-8': { schema: { type: 'string' } } };
  const content = name === 'kubeletCheckpoint' ? plain : { ...jsonContent('Error'), ...plain };
  return { description: 'It was not done; the status says why.', content };
}

function queryParameter(name: string, parameter: Parameter): Node {
  const { about: description, type } = parameter;
  const schema =
    parameter.type === 'integer'
      ? { type, minimum: 0, maximum: parameter.maximum }
      : parameter.type === 'string' && parameter.values
        ? { type, enum: parameter.values }
        : { type };
  const required = parameter.type === 'string' && parameter.required === true;
  return { name, in: 'query', required, description, schema };
}

function contentOf(type: string | undefined, schema: string | undefined): Node {
  if (schema) return jsonContent(schema);
  return type ? { [type]: { schema: { type: 'string' } } } : {};
}

function jsonContent(schema: string): Node {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}

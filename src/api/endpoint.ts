import type { SchemaName } from './schemas.ts';

/** How an endpoint is described, and the words for it that the tables share. */

export const apiRoot = '/apis/stasis/v1';

/** A parameter in the query. */
export type Parameter =
  | { type: 'integer'; maximum: number; about: string }
  | { type: 'boolean'; about: string }
  | { type: 'string'; about: string; required?: boolean; values?: readonly string[] };

export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for each part that varies. */
  path: string;
  about: string;
  query?: Readonly<Record<string, Parameter>>;
  /** What the body has to be; none is read where this is left out. */
  body?: SchemaName;
  /** Content type of a body that is no JSON; it may be large, and take its time. */
  upload?: string;
  /** Whether the body may be left out. */
  bodyOptional?: boolean;
  /** Status of a success → what comes back. */
  answers: Readonly<Record<number, Answer>>;
  /** Whether anyone is answered. */
  open?: boolean;
}

export interface Answer {
  about: string;
  /** Content type; JSON where a schema is given alone. */
  type?: string;
  schema?: SchemaName;
}

export const json = (schema: SchemaName, about: string): Answer => ({ about, schema });
export const text = (about: string): Answer => ({ about, type: 'text/plain; charset=utf-8' });
export const none = (about: string): Answer => ({ about });
export const bytes = (about: string, type = 'application/octet-stream'): Answer => ({ about, type });
export const tar = (about: string): Answer => bytes(about, 'application/x-tar');

/** Of an archive in the checkpoints directory. */
export const container: Parameter = {
  type: 'string',
  about: 'Which container of the archive of a pod; needed only where it has several.',
};
export const one = `${apiRoot}/checkpoints/{checkpoint}`;

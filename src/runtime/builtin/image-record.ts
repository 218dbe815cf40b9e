import { CodedError } from '../../errors/coded-error.ts';

/** The part of an image's configuration that a container takes over. */
export interface ImageConfig {
  /** `KEY=value` */
  env: string[];
  entrypoint: string[];
  cmd: string[];
  workingDir: string;
  /** `user[:group]`, each a name or a number. */
  user: string;
  /** `SIGTERM`, `15`; empty when the image says nothing. */
  stopSignal: string;
}

/** What the store remembers of one image. */
export interface ImageRecord {
  version: 1;
  /** `sha256:…` of the configuration. */
  id: string;
  /** `repository:tag`, full. */
  tags: string[];
  /** `repository@sha256:…` */
  digests: string[];
  /** Bytes on disk. */
  size: number;
  /** Folders of the layers, the topmost first. */
  layers: string[];
  config: ImageConfig;
  /** Set for an image that is a folder of this machine. */
  rootdir?: string;
}

export const emptyConfig: ImageConfig = {
  env: [],
  entrypoint: [],
  cmd: [],
  workingDir: '',
  user: '',
  stopSignal: '',
};

/**
 * Takes over what we need of an OCI or Docker image configuration's `config` object.
 * @throws CodedError `corrupt` when a field has the wrong type.
 */
export function imageConfigOf(value: unknown): ImageConfig {
  if (value === undefined || value === null) return emptyConfig;
  if (typeof value !== 'object') throw wrong('config');
  const raw = value as Record<string, unknown>;
  return {
    env: strings(raw, 'Env'),
    entrypoint: strings(raw, 'Entrypoint'),
    cmd: strings(raw, 'Cmd'),
    workingDir: text(raw, 'WorkingDir'),
    user: text(raw, 'User'),
    stopSignal: text(raw, 'StopSignal'),
  };
}

function strings(raw: Record<string, unknown>, key: string): string[] {
  const value = raw[key] ?? [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) throw wrong(key);
  return value;
}

function text(raw: Record<string, unknown>, key: string): string {
  const value = raw[key] ?? '';
  if (typeof value !== 'string') throw wrong(key);
  return value;
}

function wrong(key: string): CodedError {
  return new CodedError('corrupt', `the image's configuration: ${key} is not of the right type`);
}

import { ApiCalls, type HttpStream } from './api-calls.ts';
import type {
  ConvertRequest,
  DiffRequest,
  EditRequest,
  InsertResult,
  MadeArchive,
  MemberPlace,
  MembersRequest,
  MemoryRequest,
} from './archive-shapes.ts';
import { linesIn } from './text-stream.ts';

type Nodes = Record<string, unknown>[];

/** What is taken out of the archives on the node, and made of them. */
export class ArchiveCalls extends ApiCalls {
  /** As `stasis verify --format json` prints it. */
  verify(checkpoint: string, againstNode: boolean, signal: AbortSignal): Promise<Nodes> {
    return this.json('verify', { parts: { checkpoint }, query: { againstNode } }, signal);
  }

  /** As `stasis ls --format json` prints it. */
  members(checkpoint: string, place: MemberPlace, signal: AbortSignal): Promise<Nodes> {
    return this.json('members', { parts: { checkpoint }, query: { ...place } }, signal);
  }

  /** Paths that the container deleted from its image. */
  deletedFiles(checkpoint: string, container: string | undefined, signal: AbortSignal): Promise<string[]> {
    const query = { container, deleted: true };
    return this.json('members', { parts: { checkpoint }, query }, signal);
  }

  member(checkpoint: string, name: string, place: MemberPlace, signal: AbortSignal): Promise<HttpStream> {
    return this.open('member', { parts: { checkpoint }, query: { name, ...place } }, signal);
  }

  /** Several members as a tar. */
  extractMembers(checkpoint: string, request: MembersRequest, signal: AbortSignal): Promise<HttpStream> {
    return this.open('extractMembers', { parts: { checkpoint }, body: request }, signal);
  }

  /** As `stasis diff --format json` prints it. @param other name of the later checkpoint */
  diff(checkpoint: string, other: string, request: DiffRequest, signal: AbortSignal): Promise<unknown> {
    return this.json('diff', { parts: { checkpoint }, query: { with: other, ...request } }, signal);
  }

  /** How much each process has, as `stasis memparse --format json` prints it. */
  memory(checkpoint: string, container: string | undefined, signal: AbortSignal): Promise<Nodes> {
    return this.json('memory', { parts: { checkpoint }, query: { container } }, signal);
  }

  memoryContent(checkpoint: string, request: MemoryRequest, signal: AbortSignal): Promise<HttpStream> {
    return this.open('memoryContent', { parts: { checkpoint }, query: { ...request } }, signal);
  }

  /** An ELF core file. @param of its process, or the first one */
  core(
    checkpoint: string,
    of: { container?: string; pid?: number },
    signal: AbortSignal,
  ): Promise<HttpStream> {
    return this.open('core', { parts: { checkpoint }, query: { ...of } }, signal);
  }

  /** A tar of an OCI image layout. @param name of the image */
  image(checkpoint: string, name: string, signal: AbortSignal): Promise<HttpStream> {
    return this.open('image', { parts: { checkpoint }, query: { name } }, signal);
  }

  /** The list of checkpointed pods and every archive that it names, in one archive. */
  extract(compress: 'none' | 'gzip' | 'zstd' | undefined, signal: AbortSignal): Promise<HttpStream> {
    return this.open('extract', { query: { compress } }, signal);
  }

  /**
   * Adds the pods of an archive that {@link extract} gave.
   * @param size bytes of it, where that is known: a disk that is too small is said beforehand
   */
  async insert(
    archive: AsyncIterable<Uint8Array>,
    size: number | undefined,
    signal: AbortSignal,
  ): Promise<InsertResult> {
    const headers = {
      'content-type': 'application/x-tar',
      ...(size === undefined ? {} : { 'content-length': String(size) }),
    };
    const { body } = await this.open('insert', { upload: archive }, signal, headers);
    let text = '';
    for await (const line of linesIn(body)) text += line;
    return JSON.parse(text) as InsertResult;
  }

  /** A new archive beside this one, for another engine. */
  convert(checkpoint: string, request: ConvertRequest, signal: AbortSignal): Promise<MadeArchive> {
    return this.json('convert', { parts: { checkpoint }, body: request }, signal);
  }

  /** A new archive beside this one, with other ports, annotations or another image. */
  edit(checkpoint: string, request: EditRequest, signal: AbortSignal): Promise<MadeArchive> {
    return this.json('edit', { parts: { checkpoint }, body: request }, signal);
  }
}

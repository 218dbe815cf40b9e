import type { ImageSet } from '../criu/image-set.ts';
import { FileLockEntry } from '../gen/criu/files.ts';

export interface FileLock {
  readonly pid: number;
  readonly fd: number;
  readonly kind: 'POSIX' | 'FLOCK' | 'OFD' | 'LEASE' | 'unknown';
  readonly type: 'read' | 'write' | 'unknown';
  readonly start: number;
  /** Bytes; 0 up to the end of the file, however long it gets. */
  readonly length: number;
}

const kinds: Readonly<Record<number, FileLock['kind']>> = { 1: 'POSIX', 2: 'FLOCK', 4: 'OFD', 8: 'LEASE' };
const lockTypes: Readonly<Record<number, FileLock['type']>> = { 0: 'read', 1: 'write' };

/** The locks that processes held on files. @throws CodedError `corrupt` */
export async function fileLocks(images: ImageSet): Promise<FileLock[]> {
  return (await images.messages('filelocks.img', FileLockEntry)).map((entry) => ({
    pid: entry.pid,
    fd: entry.fd,
    kind: kinds[entry.flag & 15] ?? 'unknown',
    type: lockTypes[entry.type & 3] ?? 'unknown',
    start: Number(entry.start),
    length: Number(entry.len),
  }));
}

import { addressText } from '../bytes/ip-address.ts';
import type { JsonValue } from '../bytes/python-json.ts';
import { quotedText } from '../bytes/quoted-printable.ts';
import { FdinfoEntry, type FileEntry } from '../gen/criu/files.ts';
import { PstreeEntry } from '../gen/criu/inventory.ts';
import { MmEntry, PagemapEntry, type VmaEntry } from '../gen/criu/memory.ts';
import type { InetSkEntry, SkOptsEntry } from '../gen/criu/sockets.ts';
import { CoreEntry, FsEntry, TaskKobjIdsEntry } from '../gen/criu/task.ts';
import { wordBytes } from './crit-json.ts';
import { numberWords } from './crit-words.ts';
import { FileTable, fileTypeName } from './file-table.ts';
import type { ImageSet } from './image-set.ts';

const hex = (value: bigint | number, width = 0): string => value.toString(16).padStart(width, '0');

/** Deepest level that is indented: a chain of processes from outside may be as long as the image allows. */
const deepest = 64;

/** `crit x DIR ps`: the processes, four columns and the name indented by depth. Each is shown once. */
export async function explorePs(images: ImageSet): Promise<string[]> {
  const all = await images.messages('pstree.img', PstreeEntry);
  const known = new Set(all.map(({ pid }) => pid));
  const children = Map.groupBy(all, ({ ppid }) => ppid);
  const lines = [`${'PID'.padStart(7)}${'PGID'.padStart(7)}${'SID'.padStart(7)}   COMM`];
  const shown = new Set<PstreeEntry>();
  // Roots first; then what hangs together in circles only.
  for (const root of [...all.filter(({ ppid }) => ppid === 0 || !known.has(ppid)), ...all]) {
    const waiting = [{ entry: root, depth: 0 }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { entry, depth } = next;
      if (shown.has(entry)) continue;
      shown.add(entry);
      const comm = (await images.message(`core-${entry.pid}.img`, CoreEntry))?.tc?.comm ?? '?';
      const numbers = [entry.pid, entry.pgid, entry.sid].map((value) => String(value).padStart(7));
      lines.push(`${numbers.join('')}   ${' '.repeat(4 * Math.min(depth, deepest))}${comm}`);
      const below = entry.pid === 0 ? [] : (children.get(entry.pid) ?? []).toReversed();
      for (const child of below) waiting.push({ entry: child, depth: depth + 1 });
    }
  }
  return lines;
}

/** How crit names an open file. */
function fileText(table: FileTable, id: number, type: number): string {
  const file = table.get(id);
  const name = fileTypeName(type);
  if (name === 'REG') return file?.reg?.name || 'unknown path';
  if (name === 'PIPE') return `pipe[${file?.pipe?.pipe_id ?? '?'}]`;
  if (name !== 'UNIXSK') return `${name}.${id}`;
  const { usk } = file ?? {};
  if (!usk) return 'unix[?]';
  const text = quotedText(usk.name);
  return `unix[${usk.ino} (${usk.peer})${text && ` ${text}`}]`;
}

const regular = 1;

/** `crit x DIR fds`: each process's descriptors, working directory and root. Dead processes have none. */
export async function exploreFds(images: ImageSet): Promise<string[]> {
  const table = await FileTable.read(images);
  const lines: string[] = [];
  for (const { pid } of await images.messages('pstree.img', PstreeEntry)) {
    lines.push(String(pid));
    const line = (key: number | string, text: string): number =>
      lines.push(`\t${String(key).padStart(7)}: ${text}`);
    for (const { fd, id, type } of await descriptorsOf(images, pid)) line(fd, fileText(table, id, type));
    const fs = await images.message(`fs-${pid}.img`, FsEntry);
    if (!fs) continue;
    line('cwd', fileText(table, fs.cwd_id, regular));
    line('root', fileText(table, fs.root_id, regular));
  }
  return lines;
}

async function descriptorsOf(images: ImageSet, pid: number): Promise<FdinfoEntry[]> {
  const ids = await images.message(`ids-${pid}.img`, TaskKobjIdsEntry);
  return ids ? images.messages(`fdinfo-${ids.files_id}.img`, FdinfoEntry) : [];
}

/** Small numbers for shared memory, in the order in which segments turn up. */
class SmallIds {
  readonly #ids = new Map<bigint, number>();

  get(id: bigint): string {
    const known = this.#ids.get(id) ?? this.#ids.size + 1;
    this.#ids.set(id, known);
    return hex(known);
  }
}

function vmaText(table: FileTable, vma: VmaEntry, ids: SmallIds): string {
  const has = (bit: number): boolean => (vma.status & (1 << bit)) !== 0;
  if (has(10)) return ` ips[${ids.get(vma.shmid)}]`;
  if (has(8)) return ` shmem[${ids.get(vma.shmid)}]`;
  if (has(11)) return ` packet[${ids.get(vma.shmid)}]`;
  if (has(6) || has(7)) {
    const offset = vma.pgoff > 0n ? ` + 0x${hex(vma.pgoff)}` : '';
    return ` ${fileText(table, Number(vma.shmid), regular)}${offset}${has(7) ? ' (s)' : ''}`;
  }
  if (has(1)) return ' [stack]';
  if (has(2)) return ' [vsyscall]';
  if (has(3)) return ' [vdso]';
  return vma.flags & 0x100 ? ' [stack?]' : '';
}

/** `crit x DIR mems`: each process's program and maps; a star marks what is no ordinary map. */
export async function exploreMems(images: ImageSet): Promise<string[]> {
  const table = await FileTable.read(images);
  const ids = new SmallIds();
  const lines: string[] = [];
  for (const { pid } of await images.messages('pstree.img', PstreeEntry)) {
    const mm = await images.message(`mm-${pid}.img`, MmEntry);
    lines.push(String(pid));
    if (!mm) continue;
    lines.push(`\t${'exe'.padEnd(36)}    ${fileText(table, mm.exe_file_id, regular)}`);
    for (const vma of mm.vmas) {
      const range = `${hex(vma.start, 8)}-${hex(vma.end, 8)}`.padEnd(36);
      const rights = ['r', 'w', 'x'].map((letter, bit) => (vma.prot & (1 << bit) ? letter : '-')).join('');
      lines.push(`\t${range}${rights}${vmaText(table, vma, ids)}${vma.status & 1 ? '' : ' *'}`);
    }
  }
  return lines;
}

/** `crit x DIR rss`: which maps the pages of each process belong to. */
export async function exploreRss(images: ImageSet): Promise<string[]> {
  const table = await FileTable.read(images);
  const lines: string[] = [];
  for (const { pid } of await images.messages('pstree.img', PstreeEntry)) {
    lines.push(String(pid));
    const vmas = (await images.message(`mm-${pid}.img`, MmEntry))?.vmas ?? [];
    const entries = await images.entries(`pagemap-${pid}.img`, PagemapEntry);
    const pages = entries.filter(({ type }) => type === PagemapEntry);
    const entriesOf = pages.map(({ message }) => message as PagemapEntry);
    for (const line of rssLines(table, vmas, entriesOf)) lines.push(line);
  }
  return lines;
}

function rssLines(table: FileTable, vmas: readonly VmaEntry[], pages: readonly PagemapEntry[]): string[] {
  const lines: string[] = [];
  let at = 0;
  let shown = -1;
  for (const entry of pages) {
    const count = entry.nr_pages ?? BigInt(entry.compat_nr_pages);
    const end = entry.vaddr + (count << 12n);
    while (at < vmas.length && (vmas[at]?.end ?? 0n) <= entry.vaddr) at += 1;
    let text = '';
    for (let vma = vmas[at]; vma && vma.start < end; vma = vmas[++at]) {
      text += at === shown ? ' ~' : rssText(table, vma);
      text += `\n\t${' '.repeat(23)}`;
      shown = at;
    }
    at -= 1;
    const first = `\t${hex(entry.vaddr)} / ${String(count).padEnd(8)}`.padEnd(24);
    for (const line of `${first}${text}`.split('\n')) lines.push(line);
    if (at < 0) at = 0;
  }
  return lines;
}

function rssText(table: FileTable, vma: VmaEntry): string {
  const size = String((vma.end - vma.start) >> 12n).padEnd(8);
  const name = vma.status & 0xc0 ? ` ${fileText(table, Number(vma.shmid), regular)}` : '';
  return ` ${hex(vma.start, 8)} / ${size}${name}`;
}

/** `crit x DIR sk`: each process's sockets. */
export async function exploreSk(images: ImageSet): Promise<JsonValue> {
  const table = await FileTable.read(images);
  const processes: JsonValue[] = [];
  for (const { pid } of await images.messages('pstree.img', PstreeEntry)) {
    const sockets: JsonValue[] = [];
    for (const { fd, id } of await descriptorsOf(images, pid)) {
      const file = table.get(id);
      const socket = file && socketValue(file);
      if (socket) sockets.push({ fd, ...socket });
    }
    processes.push({ pid, sockets });
  }
  return processes;
}

const word = (table: string, value: number): string => numberWords['sk']?.[table]?.[value] ?? String(value);

function socketValue(file: FileEntry): { [key: string]: JsonValue } | undefined {
  const fd_type = fileTypeName(file.type);
  if (file.isk) return { fd_type, ...inetValue(file.isk), ...bufferSizes(file.isk.opts) };
  if (file.usk) {
    const { type, state, name, opts } = file.usk;
    const kind = { family: 'UNIX', type: word('type', type), state: word('state', state) };
    return { fd_type, ...kind, src_addr: quotedText(name), ...bufferSizes(opts) };
  }
  if (file.psk) {
    const { type, protocol, opts } = file.psk;
    return {
      fd_type,
      family: 'PACKET',
      type: word('type', type),
      protocol: String(protocol),
      ...bufferSizes(opts),
    };
  }
  if (!file.nlsk) return undefined;
  const { protocol, opts } = file.nlsk;
  return { fd_type, family: 'NETLINK', protocol: String(protocol), ...bufferSizes(opts) };
}

function inetValue(socket: InetSkEntry): { [key: string]: JsonValue } {
  return {
    family: word('family', socket.family),
    protocol: word('proto', socket.proto),
    type: word('type', socket.type),
    state: word('state', socket.state),
    src_addr: addressText(wordBytes(socket.src_addr)),
    src_port: socket.src_port,
    dest_addr: addressText(wordBytes(socket.dst_addr)),
    dest_port: socket.dst_port,
  };
}

function bufferSizes(opts: SkOptsEntry | undefined): { [key: string]: JsonValue } {
  return opts ? { send_buf: opts.so_sndbuf, recv_buf: opts.so_rcvbuf } : {};
}

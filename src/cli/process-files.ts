import type { Printable } from '../bytes/go-json.ts';
import type { Descriptor, ProcessFiles } from '../inspect/open-files.ts';
import type { SocketAddress, SocketReport } from '../inspect/sockets.ts';
import { bufferText } from './output/quantities.ts';
import { type TreeNode, treeNode } from './output/tree.ts';

/** The open files of a process as `inspect --files` shows them: `[REG 0]  /dev/null`. */
export function fileNodes({ descriptors }: ProcessFiles): TreeNode[] {
  return descriptors.map((descriptor) => treeNode(descriptor.file.label, [], slotOf(descriptor)));
}

/** The sockets of a process as `inspect --sockets` shows them. */
export function socketNodes({ descriptors }: ProcessFiles): TreeNode[] {
  return descriptors.flatMap(({ file: { socket } }) => (socket ? [socketNode(socket)] : []));
}

function socketNode(socket: SocketReport): TreeNode {
  const { family, protocol, type, source, destination, state, path } = socket;
  const buffers = `↑ ${bufferText(socket.sendBuffer)} ↓ ${bufferText(socket.receiveBuffer)}`;
  if (family === 'UNIX') return treeNode(path || '@', [], `UNIX (${type})`);
  if (!source || !destination) return treeNode(buffers, [], family);
  const note = protocol === 'TCP' ? `TCP (${state})` : protocol;
  return treeNode(`${endText(source)} -> ${endText(destination)} (${buffers})`, [], note);
}

/** Address and port; brackets keep an IPv6 address and the port apart. */
function endText({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `file_descriptors` of checkpointctl's JSON. */
export function fileDescriptorsNode(processes: readonly ProcessFiles[]): Printable {
  return processes.map(({ pid, descriptors }) => ({
    pid,
    open_files: orNothing(
      descriptors.map((descriptor) => ({
        type: typeof descriptor.fd === 'number' ? descriptor.file.type : '',
        fd: slotOf(descriptor),
        path: descriptor.file.label,
      })),
    ),
  }));
}

/** `sockets` of checkpointctl's JSON, without processes that have none. */
export function socketsNode(processes: readonly ProcessFiles[]): Printable {
  return processes
    .map(({ pid, descriptors }) => ({
      pid,
      open_sockets: descriptors.flatMap(({ file: { socket } }) => (socket ? [socketValue(socket)] : [])),
    }))
    .filter(({ open_sockets }) => open_sockets.length > 0);
}

function socketValue(socket: SocketReport): Printable {
  const { family, protocol, type, source, destination, state } = socket;
  const buffers = {
    send_buf: socket.sendBuffer > 0 ? bufferText(socket.sendBuffer) : undefined,
    recv_buf: socket.receiveBuffer > 0 ? bufferText(socket.receiveBuffer) : undefined,
  };
  if (family === 'UNIX') return { protocol: type, data: { type: 'UNIX', address: socket.path || undefined } };
  if (!source || !destination) return { protocol: family, data: { type: family, ...buffers } };
  return {
    protocol,
    data: {
      type: protocol,
      state,
      src: source.address,
      src_port: source.port || undefined,
      dst: destination.address,
      dst_port: destination.port || undefined,
      ...buffers,
    },
  };
}

function slotOf({ fd, file }: Descriptor): string {
  return typeof fd === 'number' ? `${file.type} ${fd}` : fd;
}

function orNothing<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

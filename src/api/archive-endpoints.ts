import { apiRoot, bytes, container, type Endpoint, json, one, type Parameter, tar } from './endpoint.ts';

/** What can be taken out of the archives on the node, and made of them. */

const inside: Parameter = {
  type: 'string',
  about: 'Of an archive inside: the name of a member, or where a file system in memory was mounted.',
};
const rootfs: Parameter = {
  type: 'boolean',
  about: 'Of what the container changed in its root file system.',
};
const pid: Parameter = {
  type: 'integer',
  maximum: 0xffff_ffff,
  about: 'The process; the first one where it is left out.',
};

export const archiveEndpoints = {
  verify: {
    method: 'GET',
    path: `${one}/verify`,
    about:
      'Whether an archive is complete, unaltered and sane, and what a restore would need, as `stasis verify --format json` prints it.',
    query: { againstNode: { type: 'boolean', about: 'Whether this node has each of what a restore needs.' } },
    answers: {
      200: json('VerdictList', 'One verdict for the archive, and one for each container of a pod.'),
    },
  },
  members: {
    method: 'GET',
    path: `${one}/members`,
    about: 'What an archive consists of, as `stasis ls --format json` prints it.',
    query: {
      ...{ container, in: inside, rootfs },
      deleted: { type: 'boolean', about: 'Instead, the files that the container deleted from its image.' },
    },
    answers: { 200: json('MemberList', 'The members in their order.') },
  },
  member: {
    method: 'GET',
    path: `${one}/member`,
    about: 'The bytes of one member.',
    query: {
      name: { type: 'string', required: true, about: 'Its name in the list.' },
      ...{ container, in: inside, rootfs },
    },
    answers: { 200: bytes('Its content.') },
  },
  extractMembers: {
    method: 'POST',
    path: `${one}/extract`,
    about: 'Several members as a tar.',
    body: 'MembersRequest',
    answers: { 200: tar('The members in the order of the request, readable by their owner alone.') },
  },
  diff: {
    method: 'GET',
    path: `${one}/diff`,
    about: 'How two checkpoints of one container differ, as `stasis diff --format json` prints it.',
    query: {
      with: { type: 'string', required: true, about: 'The name of the later checkpoint.' },
      container,
      files: { type: 'boolean', about: 'Open files.' },
      sockets: { type: 'boolean', about: 'Sockets.' },
      mounts: { type: 'boolean', about: 'The mount table.' },
      rootfs: { type: 'boolean', about: 'The root file system.' },
      memory: { type: 'boolean', about: 'Memory, page by page.' },
      arguments: { type: 'boolean', about: 'Arguments of processes.' },
      environment: { type: 'boolean', about: 'Environments of processes.' },
    },
    answers: {
      200: json('Difference', 'What differs; of two pods a list, one item for each container of both.'),
    },
  },
  memory: {
    method: 'GET',
    path: `${one}/memory`,
    about: 'How much memory each process has, as `stasis memparse --format json` prints it.',
    query: { container },
    answers: { 200: json('MemorySizes', 'One item for each container.') },
  },
  memoryContent: {
    method: 'GET',
    path: `${one}/memory/content`,
    about:
      'The bytes of one map of a process, or of a range of addresses; what is not in the checkpoint is zeros.',
    query: {
      ...{ container, pid },
      range: { type: 'string', about: 'Addresses START-END in hexadecimal.' },
      map: { type: 'string', about: 'The first map of this name: a path, [heap], [stack].' },
    },
    answers: { 200: bytes('The memory.') },
  },
  core: {
    method: 'GET',
    path: `${one}/core`,
    about: 'A process as an ELF core file for a debugger.',
    query: { container, pid },
    answers: { 200: bytes('The core file, its holes as zeros.') },
  },
  image: {
    method: 'GET',
    path: `${one}/image`,
    about: 'An OCI image with the archive of a container as its one layer, as `stasis build` makes it.',
    query: {
      name: { type: 'string', required: true, about: 'The name of the image.' },
    },
    answers: { 200: tar('A tar of an OCI image layout.') },
  },
  extract: {
    method: 'GET',
    path: `${apiRoot}/extract`,
    about:
      'The list of checkpointed pods and every archive that it names, in one archive that `insert` takes.',
    query: {
      compress: {
        type: 'string',
        values: ['none', 'gzip', 'zstd'],
        about: 'How it is compressed; none where it is left out.',
      },
    },
    answers: { 200: tar('The archive.') },
  },
  insert: {
    method: 'POST',
    path: `${apiRoot}/insert`,
    about:
      'Add the pods of an archive that `extract` made to those that the node restores, once, at its next start or uncordon. Nothing that is there is replaced.',
    upload: 'application/x-tar',
    answers: { 201: json('InsertResult', 'The pods.') },
  },
  convert: {
    method: 'POST',
    path: `${one}/convert`,
    about: 'Make of an archive a new one that another engine restores. The archive itself stays as it is.',
    body: 'ConvertRequest',
    answers: { 201: json('MadeArchive', 'The new archive, and what whoever restores it has to know.') },
  },
  edit: {
    method: 'POST',
    path: `${one}/edit`,
    about:
      'Make of an archive a new one with other ports, annotations or another image. The archive stays as it is.',
    body: 'EditRequest',
    answers: { 201: json('MadeArchive', 'The new archive.') },
  },
} as const satisfies Record<string, Endpoint>;

import { parseGoJson } from '../bytes/go-json.ts';
import { type Checkpoint, readIfPresent } from '../checkpoint/checkpoint.ts';
import { objectIn, readDump, textIn } from '../checkpoint/dump-json.ts';
import { podAnnotations, podMemberNames } from '../checkpoint/layout.ts';
import { readReport } from '../inspect/report.ts';
import { addressesOf } from './inspect-json.ts';
import { boxedTable } from './output/boxed-table.ts';
import { byteText } from './output/quantities.ts';
import { shortId } from './show-files.ts';

/** A container's archive as `show --target` draws it. */
export async function containerTable(archive: Checkpoint, statistics: boolean): Promise<string> {
  const report = await readReport(archive, { statistics });
  const { identity, sizes } = report;
  const { ip, mac } = addressesOf(report);
  const columns: [string, string][] = [
    ['Container', identity.name],
    ['Image', identity.image],
    ['ID', shortId(identity.id)],
    ['Runtime', identity.runtime],
    ['Created', identity.created],
    ['Engine', identity.engine],
  ];
  if (ip) columns.push(['IP', ip]);
  if (mac) columns.push(['MAC', mac]);
  columns.push(['CHKPT Size', byteText(sizes.images)]);
  if (sizes.rootfsDiff > 0) columns.push(['Root Fs Diff Size', byteText(sizes.rootfsDiff)]);
  const table = oneRow(columns);
  const figures = report.statistics;
  if (!figures) return table;
  return `${table}CRIU dump statistics\n${oneRow([
    ['Freezing Time', `${figures.freezingTime} us`],
    ['Frozen Time', `${figures.frozenTime} us`],
    ['Memdump Time', `${figures.memdumpTime} us`],
    ['Memwrite Time', `${figures.memwriteTime} us`],
    ['Pages Scanned', String(figures.pagesScanned)],
    ['Pages Written', String(figures.pagesWritten)],
  ])}`;
}

function oneRow(columns: readonly (readonly [string, string])[]): string {
  return boxedTable(
    columns.map(([name]) => name),
    [columns.map(([, value]) => value)],
  );
}

/** A pod's archive as `show --target` draws it: one row for each container. */
export async function podArchiveTable(
  archive: Checkpoint,
  showUid: boolean,
  statistics: boolean,
): Promise<string> {
  const pod = await readDump(archive, podMemberNames.podDump);
  const text = (key: string) =>
    textIn(objectIn(pod, 'metadata', podMemberNames.podDump), key, podMemberNames.podDump);
  const hostname = textIn(pod, 'hostname', podMemberNames.podDump);
  const containers = await podContainers(archive);
  const withSizes = containers.some(({ size }) => size > 0);
  const headers = ['Pod', 'Namespace', 'Hostname', 'Container'];
  if (showUid) headers.push('Pod UID');
  if (withSizes) headers.push('CHKPT Size');
  const rows = containers.map(({ name, size }) => {
    const row = [text('name'), text('namespace'), hostname, name];
    if (showUid) row.push(text('uid'));
    return withSizes ? [...row, byteText(size)] : row;
  });
  const table = boxedTable(headers, rows);
  const frozen = statistics ? await frozenTime(archive) : undefined;
  return frozen === undefined ? table : `${table}Pod dump statistics\n${oneRow([['Frozen Time', frozen]])}`;
}

/** As the statistics of a container have it: `71234 us`. */
async function frozenTime(archive: Checkpoint): Promise<string | undefined> {
  const options = await readDump(archive, podMemberNames.podOptions);
  const annotations = objectIn(options, 'annotations', podMemberNames.podOptions);
  const text = textIn(annotations, podAnnotations.frozenMicroseconds, podMemberNames.podOptions);
  return text === '' ? undefined : `${text} us`;
}

interface PodContainer {
  name: string;
  /** Bytes of its archive; 0 where it is not there. */
  size: number;
}

/** The first layout lists archives, today's maps short names to them. */
async function podContainers(archive: Checkpoint): Promise<PodContainer[]> {
  const bytes = await readIfPresent(archive, podMemberNames.podOptions);
  const options = bytes ? parseGoJson(bytes) : null;
  const listed = options instanceof Map ? options.get('containers') : undefined;
  const names: [string, string][] = Array.isArray(listed)
    ? listed.map((name): [string, string] => [shortName(String(name)), String(name)])
    : listed instanceof Map
      ? [...listed].map(([name, file]): [string, string] => [name, String(file)])
      : [];
  const { get } = await archive.members().then((members) => ({ get: (name: string) => members.get(name) }));
  return names.map(([name, file]) => ({ name, size: (get(`${file}.tar`) ?? get(file))?.size ?? 0 }));
}

/** `k8s_<container>_<pod>_…` is how CRI-O names containers of pods. */
function shortName(name: string): string {
  const parts = name.split('_');
  return parts.length > 5 ? (parts[1] ?? name) : name;
}

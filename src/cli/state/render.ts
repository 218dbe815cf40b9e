import type { Finding } from '../../kubeletstate/finding.ts';
import type { StateReport } from '../../nodestate/examined.ts';
import { unknown } from '../../nodestate/verdict.ts';
import type { Console } from '../console.ts';
import { printable } from '../output/escape.ts';
import { tabTable } from '../output/tab-table.ts';

export type Format = 'table' | 'json' | 'yaml';

/** Plain data as JSON or YAML; checksums are numbers, or text where a number would not hold them. */
export async function writeData(console: Console, format: 'json' | 'yaml', data: unknown): Promise<void> {
  const plain: unknown = JSON.parse(oneLine(data));
  if (format === 'json') console.out.write(`${JSON.stringify(plain, null, 2)}\n`);
  else console.out.write((await import('yaml')).stringify(plain));
}

/** One of a stream of {@link writeData}: a line of JSON, or a YAML document. */
export async function writeItem(console: Console, format: 'json' | 'yaml', data: unknown): Promise<void> {
  const line = oneLine(data);
  if (format === 'json') console.out.write(`${line}\n`);
  else console.out.write(`---\n${(await import('yaml')).stringify(JSON.parse(line))}`);
}

function oneLine(data: unknown): string {
  return JSON.stringify(data, (_, value) => (typeof value === 'bigint' ? exact(value) : value));
}

function exact(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= 0n ? Number(value) : String(value);
}

export function reportTable(reports: readonly StateReport[]): string {
  const table = tabTable(
    ['File', 'Kind', 'Version', 'Stored', 'Computed', 'Accepted by', 'Kubelet'],
    reports.map((report) => [
      report.path,
      report.kind,
      report.version ?? '-',
      String(report.stored ?? '-'),
      String(report.computed ?? '-'),
      report.kubelet === unknown ? unknown : shortMinors(report.acceptedBy),
      report.kubelet === 'starts' || report.kubelet === unknown ? report.kubelet : 'DOES NOT START',
    ]),
  );
  const details = reports.flatMap((report) => {
    const lines = report.findings.filter(isOfFile).map((finding) => {
      const hint = finding.hint ? ` (${finding.hint})` : '';
      return `  ${finding.severity} [${finding.code}]: ${printable(finding.message + hint)}`;
    });
    if (report.kubelet !== 'starts' && report.kubelet !== unknown)
      lines.unshift(`  the kubelet will print: ${printable(report.kubelet)}`);
    return lines.length > 0 ? [`\n${printable(report.path)}`, ...lines] : [];
  });
  const missing = new Set(
    reports.flatMap(({ findings }) =>
      findings.filter((each) => !isOfFile(each)).map(({ message }) => message),
    ),
  );
  const notes = [...missing].map((message) => `\nnote: ${printable(message)}`);
  return `${[table.trimEnd(), ...details, ...notes].join('\n')}\n`;
}

/** What could not be compared concerns the node: people are told once, programs with every file. */
function isOfFile({ code }: Finding): boolean {
  return code !== 'not-compared';
}

/** Whether a file is good, in a word for people. */
export function validity({ valid, kubelet }: StateReport, words: { good: string; bad: string }): string {
  if (valid) return words.good;
  return kubelet === unknown ? 'not verifiable' : words.bad;
}

/** `['1.28', '1.29', '1.31']` as `1.28-1.29, 1.31`. */
export function shortMinors(versions: readonly string[]): string {
  const minors = versions.map((each) => Number(each.slice(2)));
  const ranges: string[] = [];
  for (let i = 0; i < minors.length; ) {
    let end = i;
    while (minors[end + 1] === (minors[end] ?? 0) + 1) end++;
    ranges.push(end === i ? `1.${minors[i]}` : `1.${minors[i]}-1.${minors[end]}`);
    i = end + 1;
  }
  return ranges.join(', ') || 'none';
}

/** An empty table may mean a fresh node or a wrong path: where nothing was found is said. */
export function noteNone(console: Console, files: readonly unknown[], targets: readonly string[]): void {
  if (files.length === 0) console.err.write(`no state files in ${printable(targets.join(', '))}\n`);
}

/** The report as programs get it: without what findings hold for our own use. */
export function reportData(report: StateReport): Record<string, unknown> {
  return {
    ...report,
    findings: report.findings.map(({ severity, code, message, hint }) => ({
      severity,
      code,
      message,
      ...(hint ? { hint } : {}),
    })),
  };
}

/** 0 fine, 1 findings, 2 unreadable. */
export function exitStatus(reports: readonly { report: StateReport; unreadable: boolean }[]): number {
  if (reports.some((each) => each.unreadable)) return 2;
  const bad = reports.some(
    ({ report }) =>
      !report.valid ||
      report.kubelet !== 'starts' ||
      report.findings.some((finding) => finding.severity !== 'info'),
  );
  return bad ? 1 : 0;
}

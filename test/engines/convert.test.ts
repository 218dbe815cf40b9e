import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { convertArchive } from '../../src/localfs/convert-archive.ts';
import { folderFor, needsRuntime } from '../runtime.ts';
import { must } from './program.ts';
import { openStations, type Station } from './travel.ts';

const programs = ['crun', 'runc'] as const;

test(
  'convertArchive + an archive of every engine, converted, goes on at every other',
  needsRuntime,
  async (t) => {
    const { image, stations } = await openStations(t);
    const folder = folderFor(t, 'converted');
    const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
    const rows: string[][] = [];
    for (const from of stations) {
      for (const program of programs) {
        const { archive, count } = await from.capture(program);
        const row = [`${from.name} over ${program}`];
        for (const to of stations) {
          await t.test(`${from.name} to ${to.name} over ${program}`, async () => {
            const name = `arrived-${process.pid}-${from.name}-${program}`;
            const output = join(folder, `${from.name}-${to.name}-${program}.tar`);
            const wishes = { target: to.name, name, findImageId };
            const converted = await convertArchive(archive, output, wishes);
            assert.equal(converted.image, image);
            assert.equal(converted.runtime, program);
            const reached = await to.restore(output, name, program);
            assert.ok(reached >= count, `it went on from ${reached}, and had been at ${count}`);
            row.push('yes');
          });
          if (row.length < rowLength(stations, to)) row.push('NO');
        }
        rows.push(row);
      }
    }
    t.diagnostic(['from \\ to', ...stations.map(({ name }) => name)].join('  '));
    for (const row of rows) t.diagnostic(row.join('  '));
  },
);

function rowLength(stations: readonly Station[], to: Station): number {
  return stations.indexOf(to) + 2;
}

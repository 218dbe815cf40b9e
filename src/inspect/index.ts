/** The library `stasis/inspect`: what is in a checkpoint, as data. In Node and in browsers. */
export { explainLog, type LogExplanation } from './dump-log.ts';
export { type Report, type ReportOptions, readReport } from './report.ts';
export {
  readSections,
  type SectionName,
  type SectionOptions,
  type Sections,
  sectionNames,
} from './sections.ts';

import { exactly, flag, list, listOf, oneOf, refer, type Schema, text, typed } from './schema-words.ts';

const textOrNull: Schema = { type: ['string', 'null'] };
const choice = {
  'files?': listOf(text),
  'containers?': listOf(text),
  'apply?': flag,
  'force?': flag,
};

export const stateSchemas = {
  RepairRequest: exactly({
    'only?': listOf(oneOf('restore', 'checksum', 'gone-pods', 'cpus')),
    ...choice,
  }),
  StateConvertRequest: exactly({ to: text, ...choice }),
  ResetRequest: exactly({ 'afterReboot?': flag, ...choice }),
  StateChanges: exactly({
    ...typed('StateChanges'),
    applied: flag,
    'note?': text,
    items: listOf(
      exactly({
        name: text,
        path: text,
        steps: listOf(text),
        changes: listOf(refer('StateDifference')),
        lost: listOf(text),
        left: listOf(text),
        'setAside?': text,
      }),
    ),
  }),
  StateDifference: exactly({ path: text, before: textOrNull, after: textOrNull }),
  StateDifferenceList: list('StateDifferenceList', 'StateDifference'),
  StateForecast: exactly({
    path: text,
    kind: text,
    version: textOrNull,
    now: oneOf('accepted', 'refused', 'not read', 'unknown'),
    next: oneOf('accepted', 'refused', 'not read', 'unknown'),
    starts: flag,
    message: textOrNull,
    lost: listOf(text),
    action: text,
  }),
  StateForecastList: list('StateForecastList', 'StateForecast'),
} as const satisfies Record<string, Schema>;

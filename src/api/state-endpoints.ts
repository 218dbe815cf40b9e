import { apiRoot, type Endpoint, json, type Parameter } from './endpoint.ts';

const version = (about: string): Parameter => ({ type: 'string', required: true, about });
const state = `${apiRoot}/state`;
const dry = 'Nothing is written without apply; a running kubelet is respected, unless force is given.';

/** What is planned for the state files of the kubelet, and done to them. */
export const stateEndpoints = {
  stateDifferences: {
    method: 'GET',
    path: `${state}/diff`,
    about: 'What changed in a state file since its last good generation.',
    query: { file: { type: 'string', required: true, about: 'Its name in the list.' } },
    answers: { 200: json('StateDifferenceList', 'The differences.') },
  },
  statePreflight: {
    method: 'GET',
    path: `${state}/preflight`,
    about: 'What the kubelet of another Kubernetes version will do with each state file.',
    query: {
      from: version('Kubernetes version that runs now, like 1.31.'),
      to: version('Kubernetes version that comes next.'),
    },
    answers: { 200: json('StateForecastList', 'One item for each file.') },
  },
  repairState: {
    method: 'POST',
    path: `${state}/repair`,
    about: `Make state files acceptable again, keeping the old ones. ${dry}`,
    body: 'RepairRequest',
    bodyOptional: true,
    answers: { 200: json('StateChanges', 'What was done, or would be.') },
  },
  convertState: {
    method: 'POST',
    path: `${state}/convert`,
    about: `Convert state files for another Kubernetes version, keeping the old ones. ${dry}`,
    body: 'StateConvertRequest',
    answers: { 200: json('StateChanges', 'What was done, or would be.') },
  },
  resetState: {
    method: 'POST',
    path: `${state}/reset`,
    about: `Set those state files aside that a changed policy, a changed machine or a reboot has made void. ${dry}`,
    body: 'ResetRequest',
    bodyOptional: true,
    answers: { 200: json('StateChanges', 'What was done, or would be.') },
  },
} as const satisfies Record<string, Endpoint>;

import { CodedError } from '../errors/coded-error.ts';

/** What somebody typed is not of the form that it has to have: on a command line, a wrong call. */
export class MalformedValue extends CodedError {
  constructor(message: string) {
    super('invalid-argument', message);
    this.name = 'MalformedValue';
  }
}

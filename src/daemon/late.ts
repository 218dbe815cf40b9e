import { CodedError } from '../errors/coded-error.ts';

/** Something that is used before it is there. */
export interface Late<T extends object> {
  /** Stands for it; whatever is asked of it meanwhile fails. */
  readonly value: T;
  set(value: T): void;
}

/** @param why what is waited for, for those who come too early */
export function late<T extends object>(why: () => string): Late<T> {
  let set: T | undefined;
  const need = (): T => {
    if (set) return set;
    throw new CodedError('unavailable', why(), { data: { retryAfter: 1 } });
  };
  const stand = new Proxy({} as T, {
    get(_target, name) {
      const target = need();
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return {
    value: stand,
    set(value) {
      set = value;
    },
  };
}

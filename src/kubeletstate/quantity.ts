import { goString } from '../checkpointmanager/go-json-encode.ts';
import {
  bool,
  type GoJson,
  type GoType,
  int32,
  int64,
  integer,
  named,
  pointer,
  slice,
  string,
  struct,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { CodedError } from '../errors/coded-error.ts';

/**
 * Kubernetes' quantity (`100m`, `1.5Gi`) with the fields it has in Go, because checksums of 1.27 to 1.31 cover
 * them, the cached text included. That is why a file whose quantities are not in canonical form changes its
 * checksum by being written and read again.
 */
const dec = struct('inf.Dec', {
  unscaled: struct('big.Int', { neg: bool, abs: named('big.nat', slice(integer('big.Word', 64, false))) }),
  scale: named('inf.Scale', int32),
});

const json: GoJson = {
  decode(token, existing) {
    if (token === 'null') return { ...(existing as Quantity), i: { value: 0n, scale: 0n }, d: { Dec: null } };
    return parseQuantity((token.startsWith('"') ? token.slice(1, -1) : token).trim());
  },
  encode: (value) => goString(formatQuantity(value as Quantity)),
};

const fields = {
  i: struct('resource.int64Amount', { value: int64, scale: named('resource.Scale', int32) }),
  d: struct('resource.infDecAmount', { Dec: pointer(dec) }),
  s: string,
  Format: named('resource.Format', string),
};

export type Quantity = ValueOf<ReturnType<typeof struct<typeof fields>>>;

export const quantityType: GoType<Quantity> = struct('resource.Quantity', fields, json);

interface Suffix {
  base: 2 | 10;
  exponent: number;
  format: 'DecimalSI' | 'BinarySI' | 'DecimalExponent';
}

const decimal: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binary: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

const largestInt = 2n ** 63n - 1n;
const nano = 9;

/** @throws CodedError `corrupt` with Kubernetes' words. */
export function parseQuantity(text: string): Quantity {
  if (text === '0') return { ...zero(), s: text, Format: 'DecimalSI' };
  const found = /^([-+]?)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
  if (!found || text === '' || text.length > 300) throw corrupt(wrongFormat);
  const [, sign = '', digits = '', , denominator = ''] = found;
  const suffix = interpret(found[5] ?? '');
  const numerator = digits.replace(/^0+/, '') || '0';
  if (!/[0-9]/.test(digits + denominator) && text.length > 1)
    throw corrupt('unable to parse numeric part of quantity');
  const negative = sign === '-';
  return (
    fast(text, negative, numerator, denominator, suffix) ??
    slow(negative, numerator + denominator, denominator.length, suffix)
  );
}

/** The number as an int64 with a power of ten, where it fits. */
function fast(
  text: string,
  negative: boolean,
  numerator: string,
  denominator: string,
  { exponent, format }: Suffix,
): Quantity | undefined {
  let precision = 18 - (numerator.length + denominator.length);
  let scale = exponent;
  let factor = 1n;
  if (format === 'BinarySI') {
    if (denominator !== '') return undefined;
    scale = 0;
    factor = BigInt.asIntN(64, 1n << BigInt(exponent));
    precision = 15 - numerator.length - Math.trunc((exponent * 3) / 10) - 1;
  }
  scale -= denominator.length;
  if (precision < 0 || scale < -nano) return undefined;
  const shifted = numerator + denominator;
  const value = BigInt(shifted) * factor;
  if (value > largestInt) return undefined;
  const canonical =
    format === 'BinarySI'
      ? exponent % 10 === 0 && (BigInt(shifted) & 7n) !== 0n
      : scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0');
  return {
    ...zero(),
    i: { value: negative ? -value : value, scale: BigInt(scale) },
    s: canonical ? text : '',
    Format: format,
  };
}

/** The number as a big decimal, rounded up to nano as Kubernetes does. */
function slow(
  negative: boolean,
  digits: string,
  places: number,
  { base, exponent, format }: Suffix,
): Quantity {
  let unscaled = BigInt(digits);
  let scale = places;
  if (base === 10) scale -= exponent;
  else unscaled <<= BigInt(exponent);
  if (unscaled !== 0n) {
    if (scale < -4096 || scale > 4096) throw corrupt("unable to parse quantity's suffix");
    if (scale <= nano) unscaled *= 10n ** BigInt(nano - scale);
    else {
      const divisor = 10n ** BigInt(scale - nano);
      unscaled = (unscaled + divisor - 1n) / divisor;
    }
    scale = nano;
  }
  const unit = 10n ** BigInt(nano);
  if (format === 'BinarySI' && unscaled > largestInt * unit) {
    unscaled = largestInt;
    scale = 0;
  }
  const fraction = format === 'BinarySI' && scale === nano && unscaled > 0n && unscaled < unit;
  return {
    ...zero(),
    d: {
      Dec: { unscaled: { neg: negative && unscaled !== 0n, abs: words(unscaled) }, scale: BigInt(scale) },
    },
    Format: fraction ? 'DecimalSI' : format,
  };
}

/** As Kubernetes writes it: the cached text, else the largest suffix that leaves no fraction. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.s !== '') return quantity.s;
  let { mantissa, exponent } = exact(quantity);
  if (mantissa === 0n) return '0';
  if (quantity.Format === 'BinarySI') {
    const whole = exponent >= 0 ? mantissa * 10n ** BigInt(exponent) : undefined;
    if (whole !== undefined && (whole >= 1024n || whole <= -1024n)) return inBinary(whole);
  }
  const over = ((exponent % 3) + 3) % 3;
  mantissa *= 10n ** BigInt(over);
  exponent -= over;
  const suffix = Object.keys(decimal).find((name) => decimal[name] === exponent);
  if (suffix !== undefined && quantity.Format !== 'DecimalExponent') return `${mantissa}${suffix}`;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}

function inBinary(whole: bigint): string {
  let mantissa = whole;
  let exponent = 0;
  while (mantissa % 1024n === 0n && exponent < 60) {
    mantissa /= 1024n;
    exponent += 10;
  }
  return `${mantissa}${Object.keys(binary).find((name) => binary[name] === exponent) ?? ''}`;
}

/** The amount as `mantissa * 10^exponent` with as large an exponent as there is. */
function exact({ i, d }: Quantity): { mantissa: bigint; exponent: number } {
  let mantissa = i.value;
  let exponent = Number(i.scale);
  if (d.Dec) {
    const size = (d.Dec.unscaled.abs ?? []).reduceRight((sum, word) => (sum << 64n) | word, 0n);
    mantissa = d.Dec.unscaled.neg ? -size : size;
    exponent = -Number(d.Dec.scale);
  }
  while (mantissa !== 0n && mantissa % 10n === 0n) {
    mantissa /= 10n;
    exponent++;
  }
  return { mantissa, exponent };
}

function interpret(suffix: string): Suffix {
  const ten = decimal[suffix];
  if (ten !== undefined) return { base: 10, exponent: ten, format: 'DecimalSI' };
  const two = binary[suffix];
  if (two !== undefined) return { base: 2, exponent: two, format: 'BinarySI' };
  const power = /^[eE]([-+]?[0-9]{1,4})$/.exec(suffix)?.[1];
  if (power !== undefined) return { base: 10, exponent: Number(power), format: 'DecimalExponent' };
  throw corrupt("unable to parse quantity's suffix");
}

/** A natural number as Go's words, lowest first; nil for zero. */
function words(value: bigint): bigint[] | null {
  if (value === 0n) return null;
  const list: bigint[] = [];
  for (let rest = value; rest > 0n; rest >>= 64n) list.push(rest & 0xffffffffffffffffn);
  return list;
}

function zero(): Quantity {
  return { i: { value: 0n, scale: 0n }, d: { Dec: null }, s: '', Format: '' };
}

const wrongFormat =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

function corrupt(message: string): CodedError {
  return new CodedError('corrupt', message);
}

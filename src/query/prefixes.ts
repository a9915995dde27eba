/** A range of addresses. Its bits are the binary digits that all its addresses begin with. */
interface Prefix {
  family: 4 | 6;
  bits: string;
}

/** Returns the values that select what both lists of addresses and networks select. */
export function commonAddresses(left: string[], right: string[]): string[] {
  const common = right.flatMap((value) => left.flatMap((other) => narrower(value, other) ?? []));
  return [...new Set(common)];
}

/** Returns the narrower of two addresses or networks, one of which lies in the other; nothing where none does. */
function narrower(left: string, right: string): string | undefined {
  const [one, other] = [parsePrefix(left), parsePrefix(right)];
  if (!one || !other) {
    return left.trim() === right.trim() ? left : undefined;
  }
  if (one.family !== other.family) {
    return undefined;
  }
  return one.bits.startsWith(other.bits) ? left : other.bits.startsWith(one.bits) ? right : undefined;
}

/** Reads an address, perhaps with a port, or a network in CIDR notation. */
function parsePrefix(text: string): Prefix | undefined {
  const [host, length, ...more] = withoutPort(text.trim()).split('/');
  const digits = bitsOfIPv4(host) ?? bitsOfIPv6(host);
  const count = length === undefined ? digits?.length : /^\d+$/.test(length) ? Number(length) : NaN;
  if (!digits || count === undefined || !(count <= digits.length) || more.length > 0) {
    return undefined;
  }
  const bits = digits.slice(0, count);
  const isMapped = bits.startsWith(MAPPED);
  return { family: digits.length === 32 || isMapped ? 4 : 6, bits: isMapped ? bits.slice(MAPPED.length) : bits };
}

/** How IPv6 writes an IPv4 address. */
const MAPPED = '0'.repeat(80) + '1'.repeat(16);

function withoutPort(text: string): string {
  const [, bracketed, , plain] = /^\[([^\]]*)\](:\d+)?$|^([\d.]+):\d+$/.exec(text) ?? [];
  return bracketed ?? plain ?? text;
}

function bitsOfIPv4(text: string): string | undefined {
  const parts = text.split('.');
  const isAddress = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
  return isAddress ? parts.map((part) => Number(part).toString(2).padStart(8, '0')).join('') : undefined;
}

function bitsOfIPv6(text: string): string | undefined {
  const [head, tail, ...more] = text.split('::');
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  if (!text.includes(':') || more.length > 0 || before === undefined || after === undefined) {
    return undefined;
  }
  const missing = 128 - before.length - after.length;
  const isWhole = tail === undefined ? missing === 0 : missing >= 16;
  return isWhole ? before + '0'.repeat(missing) + after : undefined;
}

/** Returns the bits of groups such as 2001:db8 or ffff:192.0.2.7; nothing for anything else. */
function groupsOf(text: string): string | undefined {
  const groups = text === '' ? [] : text.split(':');
  const bits = groups.map((group, index) => {
    const isHex = /^[\da-f]{1,4}$/i.test(group);
    return isHex ? parseInt(group, 16).toString(2).padStart(16, '0') : index === groups.length - 1 ? bitsOfIPv4(group) : undefined;
  });
  return bits.every((group) => group !== undefined) ? bits.join('') : undefined;
}

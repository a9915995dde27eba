const MAX_BYTE = 255;

/** Returns the network that an IPv4 pattern such as 203.0.113.* stands for, in CIDR notation; nothing for anything else. */
export function networkOfPattern(text: string): string | undefined {
  const parts = text.trim().split('.');
  const known = parts.filter((part) => part !== '*');
  const isPattern = parts.length > 1 && parts.length <= 4 && known.length > 0 && known.length < 4 && parts.slice(known.length).every((part) => part === '*');
  if (!isPattern || known.length === parts.length || !known.every(isByte)) {
    return undefined;
  }
  return `${[...known, '0', '0', '0'].slice(0, 4).join('.')}/${known.length * 8}`;
}

/** Returns the /24 network around an IPv4 address; nothing for anything else. */
export function networkAround(address: string): string | undefined {
  const parts = address.trim().split('.');
  return parts.length === 4 && parts.every(isByte) ? `${parts.slice(0, 3).join('.')}.0/24` : undefined;
}

/** Reports whether a value is meant as an IPv4 network in CIDR notation and is none. */
export function isBrokenNetwork(value: string): boolean {
  const [address, length, ...more] = value.trim().split('/');
  const isMeant = length !== undefined && networkAround(address) !== undefined;
  return isMeant && (more.length > 0 || !/^\d+$/.test(length) || Number(length) > 32);
}

function isByte(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= MAX_BYTE;
}

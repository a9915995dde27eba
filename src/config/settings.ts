/** Reads a number that may be a string: provisioning from environment variables turns every setting into one. */
export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? value : undefined;
  }
  if (typeof value === 'string' && /^\s*\d+\s*$/.test(value)) {
    return Number(value);
  }
  return undefined;
}

export function readBoolean(value: unknown): boolean {
  return value === true || (typeof value === 'string' && /^(true|1)$/i.test(value.trim()));
}

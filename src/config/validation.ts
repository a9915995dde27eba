import { readNumber } from './settings';

/** Each function says what is wrong with a setting, or nothing. An empty setting is not wrong yet: nobody has typed it. */
export function urlProblem(url: string): string | undefined {
  if (url.trim() === '') {
    return undefined;
  }
  let parsed: URL;
  try {
    parsed = new URL(url.trim());
  } catch {
    return 'This is not a URL. It looks like https://defense.conferdeploy.net.';
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    return 'Use https: the API secret must not cross a network in the open.';
  }
  if (!['https:', 'http:'].includes(parsed.protocol)) {
    return 'The URL starts with https://.';
  }
  if (parsed.username || parsed.password) {
    return 'Leave the user name and password out of the URL: viewers can read it.';
  }
  if (parsed.search || parsed.hash) {
    return 'Leave out everything behind ? and #.';
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function orgKeyProblem(orgKey: string): string | undefined {
  if (/[/\\?#%\s]/.test(orgKey.trim())) {
    return 'An org key is a short word of letters and digits, such as ABCD1234. Find it under Settings > API Access.';
  }
  return undefined;
}

const API_ID = /^[A-Z0-9]{10}$/;
const API_SECRET = /^[A-Z0-9]{20,}$/;

export function apiIdProblem(apiId: string): string | undefined {
  const value = apiId.trim();
  if (value.includes('/')) {
    return 'This looks like SECRET/ID in one. Put the part behind the slash here and the part before it below.';
  }
  if (API_SECRET.test(value)) {
    return 'This looks like the secret: an API ID has 10 characters, a secret about 24. They may be swapped.';
  }
  return /\s/.test(value) ? 'An API ID has no spaces.' : undefined;
}

export function apiSecretProblem(apiSecret: string): string | undefined {
  const value = apiSecret.trim();
  if (value.includes('/')) {
    return 'This looks like SECRET/ID in one. Put only the part before the slash here.';
  }
  return API_ID.test(value) ? 'This looks like the API ID: it has 10 characters, a secret about 24. They may be swapped.' : undefined;
}

/** The words never hold a part of the address, which has a password in it. */
export function storeDsnProblem(dsn: string): string | undefined {
  const value = dsn.trim();
  const valid = value === '' || /^(postgres(ql)?:\/\/.|\w+\s*=)/.test(value);
  return valid ? undefined : 'This is not the address of a PostgreSQL database. It looks like postgres://user:password@host:5432/database.';
}

export function numberProblem(value: unknown, min: number, max: number): string | undefined {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  const number = readNumber(value);
  const valid = number !== undefined && Number.isInteger(number) && number >= min && number <= max;
  return valid ? undefined : `Enter a whole number from ${min.toLocaleString('en-US')} to ${max.toLocaleString('en-US')}.`;
}

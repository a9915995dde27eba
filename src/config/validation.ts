import { configProblems } from '../strings/config';
import { readNumber } from './settings';

/** Each function describes what is wrong with a setting. An empty setting is not wrong yet: it may still be typed. */
export function urlProblem(url: string): string | undefined {
  if (url.trim() === '') {
    return undefined;
  }
  let parsed: URL;
  try {
    parsed = new URL(url.trim());
  } catch {
    return configProblems.url;
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    return configProblems.httpUrl;
  }
  if (!['https:', 'http:'].includes(parsed.protocol)) {
    return configProblems.urlScheme;
  }
  if (parsed.username || parsed.password) {
    return configProblems.urlCredentials;
  }
  if (parsed.search || parsed.hash) {
    return configProblems.urlQuery;
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

export function orgKeyProblem(orgKey: string): string | undefined {
  if (/[/\\?#%\s]/.test(orgKey.trim())) {
    return configProblems.orgKey;
  }
  return undefined;
}

const API_ID = /^[A-Z0-9]{10}$/;
const API_SECRET = /^[A-Z0-9]{20,}$/;

export function apiIdProblem(apiId: string): string | undefined {
  const value = apiId.trim();
  if (value.includes('/')) {
    return configProblems.apiIdWithSecret;
  }
  if (API_SECRET.test(value)) {
    return configProblems.apiIdIsSecret;
  }
  return /\s/.test(value) ? configProblems.apiIdSpaces : undefined;
}

export function apiSecretProblem(apiSecret: string): string | undefined {
  const value = apiSecret.trim();
  if (value.includes('/')) {
    return configProblems.apiSecretWithId;
  }
  return API_ID.test(value) ? configProblems.apiSecretIsId : undefined;
}

export function oauthAppIdProblem(appId: string): string | undefined {
  return /[\s/]/.test(appId.trim()) ? configProblems.oauthAppId : undefined;
}

export function oauthAppSecretProblem(secret: string): string | undefined {
  return /\s/.test(secret.trim()) ? configProblems.oauthAppSecret : undefined;
}

/** The message never quotes the URL, which contains a password. */
export function storeDsnProblem(dsn: string): string | undefined {
  const value = dsn.trim();
  const valid = value === '' || /^postgres(ql)?:\/\/[^/@]+@[^/?#]/.test(value);
  return valid ? undefined : configProblems.storeDsn;
}

export function numberProblem(value: unknown, min: number, max: number): string | undefined {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  const number = readNumber(value);
  const valid = number !== undefined && Number.isInteger(number) && number >= min && number <= max;
  return valid ? undefined : configProblems.range(min, max);
}

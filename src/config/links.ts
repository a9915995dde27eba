import { configProblems } from '../strings/config';
import type { DataLinkSetting } from '../types';

/** Reads stored links, which may be a JSON string from an environment variable. */
export function readLinks(stored: unknown): { links: DataLinkSetting[]; problem?: string } {
  if (stored === undefined || stored === '') {
    return { links: [] };
  }
  try {
    const links: unknown = typeof stored === 'string' ? JSON.parse(stored) : stored;
    if (Array.isArray(links)) {
      return { links: links as DataLinkSetting[] };
    }
  } catch {
    // Not JSON.
  }
  return { links: [], problem: configProblems.storedLinks };
}

/** Returns what is stored of edited links: nothing of empty rows, and no list without links. */
export function storedLinks(links: DataLinkSetting[]): DataLinkSetting[] | undefined {
  const filled = links.filter(({ url, title, pattern }) => [url, title, pattern].some((text) => text?.trim()));
  return filled.length > 0 ? filled.map(trimmed) : undefined;
}

function trimmed({ field, title, pattern, url }: DataLinkSetting): DataLinkSetting {
  return { field, ...(title?.trim() && { title: title.trim() }), ...(pattern && { pattern }), url: url.trim() };
}

/** Describes what is wrong with the URL of a link; see checkLink in pkg/plugin/links.go. */
export function linkUrlProblem(url: string): string | undefined {
  const text = url.trim();
  if (text === '') {
    return undefined;
  }
  const plain = text.replace(/^\$\{console\}/, 'https://console.test').replace(/\$\{[^}]*\}|\$\w+/g, 'VARIABLE');
  try {
    const { protocol, username, password, host } = new URL(plain);
    if (!['https:', 'http:'].includes(protocol)) {
      return configProblems.linkUrl;
    }
    if (username || password) {
      return configProblems.linkCredentials;
    }
    return host.toUpperCase().includes('VARIABLE') ? configProblems.linkHost : undefined;
  } catch {
    return configProblems.linkUrl;
  }
}

/** Describes what is wrong with the pattern of a link. Go's syntax has no lookaround; the plugin checks the rest. */
export function linkPatternProblem(pattern = ''): string | undefined {
  try {
    new RegExp(pattern.replace(/^\(\?[imsU]+\)/, ''), 'u');
    return undefined;
  } catch {
    return configProblems.linkPattern;
  }
}

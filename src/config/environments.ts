export interface Environment {
  name: string;
  region: string;
  url: string;
}

/** The environments of Carbon Black Cloud. The URL of a console is also the URL of its API. */
export const ENVIRONMENTS: Environment[] = [
  { name: 'Prod01', region: 'US East', url: 'https://dashboard.confer.net' },
  { name: 'Prod02', region: 'US East', url: 'https://defense.conferdeploy.net' },
  { name: 'Prod05', region: 'US East', url: 'https://defense-prod05.conferdeploy.net' },
  { name: 'Prod06', region: 'EU, Frankfurt', url: 'https://defense-eu.conferdeploy.net' },
  { name: 'ProdNRT', region: 'Asia Pacific, Tokyo', url: 'https://defense-prodnrt.conferdeploy.net' },
  { name: 'ProdSYD', region: 'Asia Pacific, Sydney', url: 'https://defense-prodsyd.conferdeploy.net' },
  { name: 'ProdUK', region: 'Europe, London', url: 'https://ew2.carbonblackcloud.vmware.com' },
  { name: 'GovCloud', region: 'US government', url: 'https://gprd1usgw1.carbonblack-us-gov.vmware.com' },
  { name: 'EAP01', region: 'Early access', url: 'https://defense-eap01.conferdeploy.net' },
];

/** Describes an environment, for example "EU, Frankfurt (Prod06): https://defense-eu.conferdeploy.net". */
export function labelOf({ name, region, url }: Environment): string {
  return `${region} (${name}): ${url}`;
}

/** Returns the URL that typed text stands for: the only environment that it names, or the text itself. */
export function urlOf(text: string): string {
  const typed = text.trim().toLowerCase();
  const named = ENVIRONMENTS.filter(({ name, region }) => typed && `${region} (${name})`.toLowerCase().includes(typed));
  return named.length === 1 ? named[0].url : normalizeUrl(text);
}

/** Returns the form in which URLs are compared: without trailing slashes and default port, with scheme and host in lower case. */
export function normalizeUrl(text: string): string {
  const trimmed = text.trim().replace(/\/+$/, '');
  try {
    const { protocol, username, origin, pathname, search, hash } = new URL(trimmed);
    const isPlain = ['https:', 'http:'].includes(protocol) && !username && !search && !hash;
    return isPlain ? origin + pathname.replace(/\/+$/, '') : trimmed;
  } catch {
    return trimmed;
  }
}

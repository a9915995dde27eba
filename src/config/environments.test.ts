import { normalizeUrl, urlOf } from './environments';

test.each([
  ['Frankfurt', 'https://defense-eu.conferdeploy.net'],
  [' tokyo ', 'https://defense-prodnrt.conferdeploy.net'],
  ['Prod05', 'https://defense-prod05.conferdeploy.net'],
  ['US government', 'https://gprd1usgw1.carbonblack-us-gov.vmware.com'],
  ['US East', 'US East'],
  ['Atlantis', 'Atlantis'],
  ['', ''],
  ['https://defense-eu.conferdeploy.net/', 'https://defense-eu.conferdeploy.net'],
  [' http://127.0.0.1:8080// ', 'http://127.0.0.1:8080'],
])('%j stands for %j', (text, url) => {
  expect(urlOf(text)).toBe(url);
});

test.each([
  ['http://foo.bar/', 'http://foo.bar'],
  ['HTTPS://Defense-EU.conferdeploy.net:443//', 'https://defense-eu.conferdeploy.net'],
  ['https://cbc.example.com/Path/', 'https://cbc.example.com/Path'],
  ['https://user@cbc.example.com/', 'https://user@cbc.example.com'],
  ['not a url', 'not a url'],
])('the URL %j is compared as %j', (url, normalized) => {
  expect(normalizeUrl(url)).toBe(normalized);
  expect(normalizeUrl(normalized)).toBe(normalized);
});

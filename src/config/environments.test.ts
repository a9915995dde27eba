import { urlOf } from './environments';

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

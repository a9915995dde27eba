/** The environments of Carbon Black Cloud. The URL of a console is also the URL of its API. */
export const ENVIRONMENTS = [
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

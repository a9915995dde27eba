/** Lets the browser save what a link leads to, as a click on the link would. The target makes Grafana leave the link alone. */
export function saveFile(href: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.target = '_self';
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}

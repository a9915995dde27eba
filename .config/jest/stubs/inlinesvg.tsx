// Icons are fetched over the network; in tests only their place counts.
export default function SVG() {
  return <svg />;
}

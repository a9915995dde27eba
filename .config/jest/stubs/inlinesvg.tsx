// Icons are fetched over the network; tests only need their place.
export default function SVG() {
  return <svg />;
}

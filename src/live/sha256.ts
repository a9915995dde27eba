// SHA-256 (FIPS 180-4). The browser's own is not there on a Grafana that is served over plain http.

const PRIMES = Array.from({ length: 312 }, (_, index) => index).filter((n) => n > 1 && ![...Array(n).keys()].some((d) => d > 1 && n % d === 0));
const K = PRIMES.slice(0, 64).map((prime) => fraction(prime, 3));
const START = PRIMES.slice(0, 8).map((prime) => fraction(prime, 2));

/** The first 32 bits of the fraction of a root, found exactly by halving. */
function fraction(prime: number, root: 2 | 3): number {
  const wanted = BigInt(prime) << BigInt(32 * root);
  let [low, high] = [0n, BigInt(prime) << 32n];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    [low, high] = middle ** BigInt(root) <= wanted ? [middle, high] : [low, middle];
  }
  return Number(low & 0xffffffffn);
}

/** The hash of a text's UTF-8 bytes as 64 hexadecimal digits. */
export function sha256(text: string): string {
  const data = pad(new TextEncoder().encode(text));
  const state = [...START];
  for (let offset = 0; offset < data.byteLength; offset += 64) {
    compress(state, expand(data, offset));
  }
  return state.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Whole blocks of 64 bytes: the text, a set bit, zeros, and the length in bits. */
function pad(bytes: Uint8Array): DataView {
  const length = Math.ceil((bytes.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(length - 8, BigInt(bytes.length) * 8n);
  return view;
}

function expand(data: DataView, offset: number): number[] {
  const w = Array.from({ length: 16 }, (_, index) => data.getUint32(offset + 4 * index));
  for (let i = 16; i < 64; i++) {
    const small0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
    const small1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
    w.push((w[i - 16] + small0 + w[i - 7] + small1) | 0);
  }
  return w;
}

function compress(state: number[], w: number[]) {
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + big1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] + word) | 0));
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

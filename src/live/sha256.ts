import { sha256 as hash } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/**
 * Returns the SHA-256 of a string's UTF-8 bytes as 64 hexadecimal digits. Browsers offer crypto.subtle on https and localhost
 * only, so a library computes it.
 */
export function sha256(text: string): string {
  return bytesToHex(hash(new TextEncoder().encode(text)));
}

import { createHash } from 'node:crypto';
import { sha256 } from './sha256';

test.each(['', 'abc', 'a'.repeat(55), 'a'.repeat(56), 'a'.repeat(64), 'é€😀'.repeat(50), '{"query":"\u0000\\n"}', '\ud800'])(
  'the hash of a string is the SHA-256 of its UTF-8 bytes: %#',
  (text) => {
    expect(sha256(text)).toBe(createHash('sha256').update(text, 'utf8').digest('hex'));
  }
);

/**
 * FNV-1a over UTF-16 code units, 32 bit, finished with the mixer of MurmurHash3 so that the low bits are usable too.
 * Both are public-domain constants: http://www.isthe.com/chongo/tech/comp/fnv/ and https://github.com/aappleby/smhasher.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

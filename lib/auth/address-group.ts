/**
 * What counts as one place that somebody connects from. A single IPv6 user usually owns a whole /64
 * and may use a new address for each try, so all of it counts as one.
 *
 * @module
 */

/** Several addresses that count as one. */
export type AddressGroup = string;

/**
 * The group of a remote address as the runtimes write it: an IPv4 address itself, also when it
 * comes as an IPv6 one, and the /64 of any other IPv6 address.
 *
 * @example
 * ```ts
 * addressGroup("::ffff:192.0.2.7"); // "192.0.2.7"
 * addressGroup("2001:db8::1:2:3:4"); // "2001:db8:0:0::/64"
 * ```
 */
export function addressGroup(address: string): AddressGroup {
  const plain = address.slice(0, 64).toLowerCase().replace(/%.*$/, "");
  if (!plain.includes(":")) return plain;
  const words = wordsOf(plain);
  if (words === undefined) return plain;
  const mapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  if (mapped)
    return words
      .slice(6)
      .flatMap((word) => [word >>> 8, word & 255])
      .join(".");
  return `${words
    .slice(0, 4)
    .map((word) => word.toString(16))
    .join(":")}::/64`;
}

/** The eight 16-bit words of an IPv6 address, or `undefined` if it is none. */
function wordsOf(address: string): readonly number[] | undefined {
  const halves = withHexTail(address).split("::");
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const gap = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? gap < 1 : gap !== 0)) return undefined;
  const words = [...head, ...Array.from({ length: gap }, () => "0"), ...tail];
  if (!words.every((word) => /^[0-9a-f]{1,4}$/.test(word))) return undefined;
  return words.map((word) => Number.parseInt(word, 16));
}

/** `::ffff:192.0.2.7` as `::ffff:c000:207`. */
function withHexTail(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}

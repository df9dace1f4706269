/**
 * Lines out of arbitrary chunks: UTF-8, ended by LF (CR LF accepted), at most `limit` bytes long.
 * What lies in one chunk comes out of one call. Source: PROTOCOL.md section 1.
 *
 * @module
 */

declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean });
  decode(bytes: Uint8Array): string;
}

const LF = 0x0a;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The bytes of a line whose end has not come yet; never more than the limit. */
export type PendingFrame = Uint8Array;

/** No line begun. */
export const noPendingFrame: PendingFrame = new Uint8Array(0);

/** The longest line of a client, in bytes. */
export const clientFrameBytesMax: number = 8 * 1024;
/** The longest line of a peer, in bytes. */
export const peerFrameBytesMax: number = 1024 * 1024;

/** The complete lines, what is left of the last one, and what ended the stream if anything did. */
export interface Decoded {
  readonly frames: readonly string[];
  readonly pending: PendingFrame;
  readonly error?: "too-long" | "not-utf8";
}

/**
 * Cuts a chunk into lines.
 *
 * @param pending what the last call left
 * @param limit the longest line allowed, in bytes without its LF
 * @returns the lines before the first error; after an error the stream is not to be read on
 *
 * @example
 * ```ts
 * const { frames, pending, error } = decodeFrames(state.pending, chunk, clientFrameBytesMax);
 * ```
 */
export function decodeFrames(pending: PendingFrame, chunk: Uint8Array, limit: number): Decoded {
  const bytes = pending.length === 0 ? chunk : concat(pending, chunk);
  const end = bytes.lastIndexOf(LF) + 1;
  const rest = bytes.subarray(end);
  if (end > 0 && longestLine(bytes.subarray(0, end)) <= limit) {
    const text = decode(bytes.subarray(0, end - 1));
    if (text !== undefined) {
      const frames = text.split("\n").map(withoutCarriageReturn);
      return rest.length > limit
        ? { frames, pending: noPendingFrame, error: "too-long" }
        : { frames, pending: rest.slice() };
    }
  }
  return end > 0 || rest.length > limit
    ? decodeUpToError(bytes, limit)
    : { frames: [], pending: rest.slice() };
}

/** Line by line, for the rare chunk that has an error in it. */
function decodeUpToError(bytes: Uint8Array, limit: number): Decoded {
  const frames: string[] = [];
  for (let start = 0; ; ) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (line.length > limit) return { frames, pending: noPendingFrame, error: "too-long" };
    if (end === -1) return { frames, pending: line.slice() };
    const text = decode(line);
    if (text === undefined) return { frames, pending: noPendingFrame, error: "not-utf8" };
    frames.push(withoutCarriageReturn(text));
    start = end + 1;
  }
}

function longestLine(bytes: Uint8Array): number {
  let longest = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LF, start);
    longest = Math.max(longest, end - start);
    start = end + 1;
  }
  return longest;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function withoutCarriageReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array {
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}

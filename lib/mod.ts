/**
 * The public surface of the library, and nothing else.
 *
 * @module
 */

export type { ConnectionId, Identity, RoomId, ServerId } from "./base/ids.ts";
export { Driver, type Host } from "./driver.ts";
export type { Instant, Machine, Step } from "./machine.ts";
export { type Address, asServerId, formatAddress, isPort, parseAddress } from "./wire/fields.ts";
export {
  clientFrameBytesMax,
  decodeFrames,
  noPendingFrame,
  peerFrameBytesMax,
} from "./wire/frame.ts";

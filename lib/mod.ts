/**
 * The public surface of the library, and nothing else.
 *
 * @module
 */

export type { ConnectionId, Identity, RoomId, ServerId } from "./base/ids.ts";
export { clientMachine } from "./client/client.ts";
export {
  type Command,
  type Completion,
  complete,
  type KnownNames,
  readCommand,
} from "./client/commands.ts";
export type { DialFailure, Shown, Trouble } from "./client/shown.ts";
export {
  type ClientConfig,
  type ClientEffect,
  type ClientInput,
  type ClientState,
  createClient,
  type LinkId,
} from "./client/state.ts";
export { describe, prompt } from "./client/transcript.ts";
export { clean } from "./client/words.ts";
export { Driver, type Host } from "./driver.ts";
export type { Instant, Machine, Step } from "./machine.ts";
export { type Address, asServerId, formatAddress, isPort, parseAddress } from "./wire/fields.ts";
export {
  clientFrameBytesMax,
  decodeFrames,
  noPendingFrame,
  peerFrameBytesMax,
} from "./wire/frame.ts";

/**
 * The public surface of the library, and nothing else.
 *
 * @module
 */

export type {
  AuthCloseReason,
  AuthEffect,
  AuthEvent,
  AuthInput,
  TicketKeys,
} from "./auth/auth-inputs.ts";
export { authMachine } from "./auth/auth-machine.ts";
export { type AuthConfig, type AuthState, authStandard, createAuth } from "./auth/auth-state.ts";
export {
  checkTicket,
  portableSigner,
  portableVerifier,
  readTicket,
  type SignBytes,
  signTicket,
  type TicketCheck,
  type TicketClaims,
  type TicketContent,
  type TicketRefusal,
  type VerifyBytes,
} from "./auth/ticket.ts";
export {
  addUser,
  formatUsers,
  noUsers,
  type PasswordRecord,
  parseUsers,
  passwordBytesMax,
  removeUser,
  scryptStandard,
  setDisabled,
  setPassword,
  type UserRecord,
  type Users,
} from "./auth/users.ts";
export type { ConnectionId, Identity, RoomId, ServerId } from "./base/ids.ts";
export type { Result } from "./base/result.ts";
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
export {
  type Contact,
  checkTiming,
  defaultTiming,
  type ServerConfig,
  type Timing,
} from "./server/config.ts";
export type {
  CloseReason,
  DialOutcome,
  ServerEffect,
  ServerEvent,
  ServerInput,
  Through,
  Verified,
} from "./server/inputs.ts";
export { createServer, type ServerState } from "./server/state.ts";
export { serverMachine } from "./server/step.ts";
export {
  type AdminReply,
  type AdminRequest,
  adminReplies,
  adminRequests,
  type MemberStatus,
} from "./wire/admin-messages.ts";
export {
  type AuthReply,
  type AuthRequest,
  authReplies,
  authRequests,
} from "./wire/auth-messages.ts";
export {
  type ClientReply,
  type ClientRequest,
  clientReplies,
  clientRequests,
  type ErrorReason,
  type ListedServer,
  type Refusal,
} from "./wire/client-messages.ts";
export {
  formatMessage,
  frameError,
  parseMessage,
  type Vocabulary,
  type WireError,
} from "./wire/codec.ts";
export {
  type Address,
  asIdentity,
  asServerId,
  formatAddress,
  isPort,
  parseAddress,
} from "./wire/fields.ts";
export {
  clientFrameBytesMax,
  type Decoded,
  decodeFrames,
  noPendingFrame,
  type PendingFrame,
  peerFrameBytesMax,
} from "./wire/frame.ts";
export { listEntriesMax, type PeerMessage, protocolVersion } from "./wire/server-messages.ts";
export { peerMessages } from "./wire/server-vocabulary.ts";

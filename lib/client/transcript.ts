/**
 * The words for what a client shows: those of the client everybody knows, with the reason of a
 * refusal behind them. Nothing a remote wrote reaches the screen uncleaned.
 *
 * @module
 */

import type { ClientReply } from "../wire/client-messages.ts";
import { helpLines } from "./commands.ts";
import type { Shown } from "./shown.ts";
import { describeTrouble } from "./trouble.ts";
import { clean, inWords } from "./words.ts";

/**
 * The lines that say it, or none where there is nothing to say.
 *
 * @param identity the client's own, for what is said of itself
 *
 * @example
 * ```ts
 * for (const line of describe(effect.shown, "alice")) console.log(line);
 * ```
 */
export function describe(shown: Shown, identity: string): readonly string[] {
  switch (shown.kind) {
    case "reply":
      return describeReply(shown.reply);
    case "switched":
      return [`${clean(identity)} switches to server ${clean(shown.serverid)}`];
    case "switch-failed":
      return [`Server change failed${because(shown.reason ?? shown.detail)}`];
    case "invalid-command":
      return ["Invalid command!"];
    case "line-too-long":
      return ["Not sent: a message has at most about 8,000 letters. Send it in parts."];
    case "help":
      return helpLines;
    case "countdown":
      return [];
    case "trouble":
      return [describeTrouble(shown.trouble)];
  }
}

/**
 * What stands before the line that is being typed.
 *
 * @param seconds until the next try, while there is no server
 *
 * @example
 * ```ts
 * prompt("jokes", "ann");    // "[jokes] ann> "
 * prompt("jokes", "ann", 3); // "[reconnecting in 3 s] ann> "
 * ```
 */
export function prompt(room: string, identity: string, seconds?: number): string {
  const place = seconds === undefined ? clean(room) : `reconnecting in ${seconds} s`;
  return `[${place}] ${clean(identity)}> `;
}

function describeReply(reply: ClientReply): readonly string[] {
  switch (reply.type) {
    case "roomchange":
      return [describeRoomChange(reply)];
    case "roomlist":
      return [["List of chat rooms:", ...reply.rooms.map(clean)].join(" ")];
    case "roomcontents":
      return [describeRoomContents(reply)];
    case "createroom":
      return [
        reply.approved === "true"
          ? `Room ${clean(reply.roomid)} is created.`
          : `Create room ${clean(reply.roomid)} failed.${because(reply.reason)}`,
      ];
    case "deleteroom":
      return [
        reply.approved === "true"
          ? `Room ${clean(reply.roomid)} is deleted.`
          : `Delete room ${clean(reply.roomid)} failed.${because(reply.reason)}`,
      ];
    case "message":
      return [`${clean(reply.identity)}: ${clean(reply.content)}`];
    case "servers":
      return reply.servers.map(
        ({ serverid, host, port, status }) =>
          `${clean(serverid)} ${clean(host)}:${clean(port)} ${status}`,
      );
    case "error":
      return [`The server did not accept that: ${clean(reply.detail)}${because(reply.reason)}`];
    // The machine answers these itself and shows what came of them.
    case "newidentity":
    case "serverchange":
    case "route":
      return [];
  }
}

function describeRoomChange(reply: Extract<ClientReply, { type: "roomchange" }>): string {
  const { reason } = reply;
  const [identity, former, roomid] = [reply.identity, reply.former, reply.roomid].map(clean);
  if (reply.roomid === "") return `${identity} has quit!`;
  if (reply.former === reply.roomid) return `room unchanged${because(reason)}`;
  if (reply.former === "") return `${identity} moves to ${roomid}`;
  return `${identity} moves from ${former} to ${roomid}`;
}

function describeRoomContents(reply: Extract<ClientReply, { type: "roomcontents" }>): string {
  const people = reply.identities.map(
    (identity) => `${clean(identity)}${identity === reply.owner ? "*" : ""}`,
  );
  return [`${clean(reply.roomid)} contains`, ...people].join(" ");
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === "" ? "" : ` (${inWords(reason)})`;
}

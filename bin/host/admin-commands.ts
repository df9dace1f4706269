/**
 * What an admin can ask a running server with `chat-server`: `status`, `drain`, `remove` and
 * `disconnect`, to the peer port of any server, with a certificate of the role `admin`.
 *
 * @module
 */

import type { CAC } from "cac";
import * as v from "valibot";
import { type AdminReply, type AdminRequest, asServerId, parseAddress } from "../../lib/mod.ts";
import { type AdminAccess, askServer, daysLeftOf } from "./admin-client.ts";
import { type Flags, UsageError, validate } from "./cli.ts";
import { formatStatus, type StatusRow } from "./status-table.ts";

const file = v.pipe(v.string("a file"), v.nonEmpty("a file"));
const schema = v.object({
  peer: v.pipe(
    v.string("host:port"),
    v.check((text) => parseAddress(text) !== undefined, "host:port, of the peer port"),
  ),
  cert: file,
  ca: v.optional(file),
  json: v.optional(v.boolean("no value"), false),
});

/** Declares the commands of admins, for `runCli`. */
export function adminCommands(cli: CAC): void {
  command(cli, "status", "Show every member as one server sees it")
    .option("--json", "As JSON, for scripts")
    .action(status);
  command(cli, "drain", "Let a server route its users elsewhere, and stop").action((flags: Flags) =>
    order({ type: "drain" }, flags),
  );
  command(cli, "remove <id>", "Forget a dead member for good; refused for one that lives").action(
    (id: string, flags: Flags) => {
      const serverid = asServerId(id);
      if (serverid === undefined) throw new UsageError(`"${id}" is no id of a server`);
      return order({ type: "remove", serverid }, flags);
    },
  );
  command(cli, "disconnect <username>", "End the sessions of a user on every server").action(
    (username: string, flags: Flags) => order({ type: "disconnect", username }, flags),
  );
}

function command(cli: CAC, name: string, description: string): ReturnType<CAC["command"]> {
  return cli
    .command(name, description)
    .option("--peer <host:port>", "The peer port of the server to ask")
    .option("--cert <file>", "A certificate of the role admin; its key is beside it as .key")
    .option("--ca <file>", "The CA (default: ca.pem beside the certificate)");
}

async function status(flags: Flags): Promise<void> {
  const access = accessOf(flags);
  const reply = await ask({ type: "status" }, access);
  if (reply.type !== "status") throw new UsageError(`${access.peer} answered something else`, 1);
  const members: readonly StatusRow[] = await Promise.all(
    reply.members.map(async (member) => ({
      ...member,
      daysleft: await daysLeftOf(member, access),
    })),
  );
  if (validate("flag", schema, flags).json) console.log(JSON.stringify({ ...reply, members }));
  else console.log(formatStatus(reply.serverid, reply.partition, members));
}

/** A request that is done or refused. */
async function order(request: AdminRequest, flags: Flags): Promise<void> {
  const reply = await ask(request, accessOf(flags));
  const detail = "detail" in reply ? reply.detail : "";
  if (!("approved" in reply) || reply.approved !== "true") {
    throw new UsageError(`${request.type} was refused: ${detail}`, 1);
  }
  console.log(detail === "" ? `${request.type}: done` : `${request.type}: ${detail}`);
}

async function ask(request: AdminRequest, access: AdminAccess): Promise<AdminReply> {
  const reply = await askServer(request, access);
  if (reply.type === "error") {
    throw new UsageError(`${access.peer} can't do that: ${reply.detail} (${reply.reason})`, 1);
  }
  return reply;
}

function accessOf(flags: Flags): AdminAccess {
  const { peer, cert, ca } = validate("flag", schema, flags);
  return { peer, cert, ...(ca === undefined ? {} : { ca }) };
}

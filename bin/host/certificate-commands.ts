/**
 * What `chat-certs` understands: its commands, their flags, and what they print.
 *
 * @module
 */

import process from "node:process";
import type { CAC } from "cac";
import * as v from "valibot";
import { checkCertificates, formatTable } from "./certificate-table.ts";
import {
  certificateDays,
  createAuthority,
  issueCertificate,
  issuedFor,
  revokeCertificate,
} from "./certificates.ts";
import { type Flags, UsageError, validate } from "./cli.ts";
import { roles } from "./credentials.ts";

const dir = v.pipe(v.string("a folder"), v.nonEmpty("a folder"));
const dirFlags = v.object({ dir });
const issueFlags = v.object({
  dir,
  host: v.optional(v.string("names and addresses, separated by commas")),
  role: v.optional(v.picklist(roles, roles.join(" or "))),
  days: v.pipe(
    v.string("a number of days"),
    v.regex(/^\d{1,4}$/, "a number of days"),
    v.transform(Number),
    v.minValue(1, "at least 1 day"),
    v.maxValue(3650, "at most 3650 days"),
  ),
});
const folder = ["--dir <folder>", "Where the files are", { default: "certs" }] as const;

/** The commands of `chat-certs`, for `runCli`. */
export function certificateCommands(cli: CAC): void {
  cli
    .command("init", "Make a private CA and the key pair for login tickets; never overwrites")
    .option(...folder)
    .action((flags: Flags) => init(validate("flag", dirFlags, flags).dir));
  cli
    .command("issue <id>", "Make or renew the certificate of a server, admin or auth server")
    .option("--host <names>", "Host names and addresses, separated by commas")
    .option("--role <role>", 'server, auth or admin (default: server, "auth" for the id auth)')
    .option("--days <number>", "How long it lasts", { default: certificateDays })
    .option(...folder)
    .action(issue);
  cli
    .command("revoke <id>", "Add a certificate to revoked.txt; servers read it on SIGHUP")
    .option(...folder)
    .action(async (id: string, flags: Flags) => {
      const serial = await revokeCertificate(validate("flag", dirFlags, flags).dir, id);
      console.log(`revoked ${id} (serial ${serial}); tell running servers with SIGHUP`);
    });
  cli
    .command("check", "Show who signed what, names and days left; status 1 if something is wrong")
    .option(...folder)
    .action(async (flags: Flags) => {
      const rows = await checkCertificates(validate("flag", dirFlags, flags).dir, Date.now());
      console.log(formatTable(rows));
      if (rows.some((row) => row.verdict !== "ok")) process.exitCode = 1;
    });
}

async function init(where: string): Promise<void> {
  const made = await createAuthority(where);
  if (made.length === 0) {
    throw new UsageError(`${where} has a CA and ticket keys already; they are never overwritten`);
  }
  console.log(`made ${made.join(", ")} in ${where}; keep ca.key away from the servers`);
}

async function issue(id: string, flags: Flags): Promise<void> {
  const { dir: where, host, role, days } = validate("flag", issueFlags, flags);
  const before = await issuedFor(where, id);
  const hosts = host?.split(",").map((name) => name.trim()) ?? before?.hosts ?? [];
  const asked = role ?? before?.role ?? (id === "auth" ? "auth" : "server");
  const made = await issueCertificate(where, { id, role: asked, hosts, days });
  console.log(`made ${id}.pem and ${id}.key in ${where}: ${asked} ${id}, until ${made.validTo}`);
}

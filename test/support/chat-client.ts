/**
 * Runs `chat-client` against scripted servers.
 *
 * @module
 */

import { join } from "node:path";
import { certificatesFolder } from "./certificates.ts";
import { type CommandOptions, runCommand } from "./process.ts";
import { authScript, chatScript, type Script, serve } from "./scripted-server.ts";

const env = { CHAT_PASSWORD: "open sesame" };

/** Runs a client against a chat server and an authentication server of their own. */
export async function chat(
  args: readonly string[],
  options: CommandOptions = {},
  more?: Script,
): ReturnType<typeof runCommand> {
  const auth = await serve(authScript, "auth", "auth");
  const server = await serve(chatScript(auth.port, more));
  const ca = ["--ca", join(await certificatesFolder(), "ca.pem")];
  const where = ["-h", "127.0.0.1", "-p", `${server.port}`];
  const ended = await runCommand("bin/chat-client.ts", [...where, ...ca, ...args], {
    env,
    ...options,
  });
  await Promise.all([server.stop(), auth.stop()]);
  return ended;
}

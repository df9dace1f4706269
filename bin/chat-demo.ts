#!/usr/bin/env node
/**
 * `chat-demo`, which is `npm start`: a whole cluster on this machine, from nothing.
 *
 * @module
 */

import { runCli } from "./host/cli.ts";
import { demoFlags, runDemo } from "./host/demo.ts";

await runCli("chat-demo", (cli) => {
  demoFlags(cli).action(runDemo);
});

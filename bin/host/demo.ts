/**
 * `npm start`: certificates, users, an authentication server and three chat servers on this
 * machine; says how to use them, and stops them all on Ctrl-C.
 *
 * @module
 */

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import type { CAC } from "cac";
import * as v from "valibot";
import { type Flags, oneLine, UsageError, validate } from "./cli.ts";
import {
  type DemoServer,
  demoHost,
  demoPaths,
  makeDemoCertificates,
  makeDemoUsers,
  writeServersFile,
} from "./demo-files.ts";
import { commandFor, DemoProcess } from "./demo-processes.ts";

const port = v.pipe(
  v.string("a port"),
  v.regex(/^\d{1,5}$/, "a port from 1 to 65533"),
  v.transform(Number),
  v.minValue(1, "a port from 1 to 65533"),
  v.maxValue(65533, "a port from 1 to 65533"),
);
const schema = v.object({
  dir: v.pipe(v.string("a folder"), v.nonEmpty("a folder")),
  authPort: port,
  clientPort: port,
  peerPort: port,
});

/** How long the servers may take to start, and to stop. */
const startMs = 60_000;
const stopMs = 12_000;
/** npm passes a Ctrl-C on that the terminal has sent to everybody: the same one twice. */
const sameKeyMs = 500;

/** Declares the flags; none is needed. */
export function demoFlags(cli: CAC): ReturnType<CAC["command"]> {
  return cli
    .command("", "Run a cluster of three chat servers on this machine, until Ctrl-C")
    .option("--dir <folder>", "Certificates, users and the log", { default: "certs" })
    .option("--auth-port <port>", "The authentication server", { default: 4440 })
    .option("--client-port <port>", "s1 for clients; s2, s3 follow", { default: 4444 })
    .option("--peer-port <port>", "s1 for servers; s2, s3 follow", { default: 5555 });
}

/** Runs the demo until a signal stops it. */
export async function runDemo(flags: Flags): Promise<void> {
  const { dir, authPort, clientPort, peerPort } = validate("flag", schema, flags);
  const servers = ["s1", "s2", "s3"].map(
    (id, index): DemoServer => ({
      id,
      clientPort: clientPort + index,
      peerPort: peerPort + index,
    }),
  );
  await checkPorts([authPort, ...servers.flatMap((each) => [each.clientPort, each.peerPort])]);
  await makeDemoCertificates(dir, servers, say);
  const passwords = await makeDemoUsers(dir, say);
  await writeServersFile(dir, servers);
  const demo = new Demo(dir, authPort, servers);
  demo.stopOnSignals();
  await demo.start();
  console.log(demo.welcome(passwords));
}

class Demo {
  readonly #dir: string;
  readonly #authPort: number;
  readonly #servers: readonly DemoServer[];
  readonly #log: WriteStream;
  readonly #processes: DemoProcess[] = [];
  #state: "starting" | "running" | "stopping" = "starting";

  constructor(dir: string, authPort: number, servers: readonly DemoServer[]) {
    this.#dir = dir;
    this.#authPort = authPort;
    this.#servers = servers;
    this.#log = createWriteStream(demoPaths(dir).log, { mode: 0o600 });
    this.#log.on("error", () => {}); // a full disk must not stop the chat
  }

  /** Starts everybody and waits until clients can come; stops them all if one can't start. */
  async start(): Promise<void> {
    say("starting the authentication server and s1, s2, s3");
    const { users } = demoPaths(this.#dir);
    const auth = ["serve", "--host", demoHost, "--port", String(this.#authPort)];
    const files = ["--users", users, "--certs", this.#dir, "--log", "json"];
    this.#run("auth", "chat-auth", [...auth, ...files]);
    for (const { id } of this.#servers) {
      this.#run(id, "chat-server", [...this.#serverArgs(id), "--log", "json"]);
    }
    const tooLong = setTimeout(() => void this.#giveUp("it took too long to start"), startMs);
    for (const each of this.#processes) {
      await each.ready.catch((error: Error) => this.#giveUp(`${each.name}: ${error.message}`));
    }
    clearTimeout(tooLong);
    if (this.#state === "starting") this.#state = "running";
  }

  /** Everything a person needs. */
  welcome(passwords: ReadonlyMap<string, string>): string {
    const { ca, admin, log, users } = demoPaths(this.#dir);
    const pids = new Map(this.#processes.map(({ name, pid }) => [name, pid]));
    const [first] = this.#servers as [DemoServer];
    const trust = ca === "certs/ca.pem" ? "" : ` --ca ${ca}`;
    const someone = [...passwords.keys()][0] ?? "USERNAME";
    const client = `${commandFor("chat-client")} -h localhost -p ${first.clientPort}`;
    return [
      "",
      "Running:",
      `  auth  logins  ${demoHost}:${this.#authPort}  (pid ${pids.get("auth")})`,
      ...this.#servers.map(
        ({ id, clientPort, peerPort }) =>
          `  ${id}    clients ${demoHost}:${clientPort}, servers ${demoHost}:${peerPort}` +
          `  (pid ${pids.get(id)})`,
      ),
      "",
      ...(passwords.size === 0
        ? [`Users: those of ${users}, with the passwords you gave them`]
        : ["Users and their generated passwords:", ...columns(passwords)]),
      "",
      "Open a client in another terminal (then type #help):",
      `  ${client} -u ${someone}${trust}`,
      "Look at the cluster:",
      `  ${commandFor("chat-server")} status --peer ${demoHost}:${first.peerPort} --cert ${admin}`,
      "",
      `The full log is ${log}; warnings are shown here. Ctrl-C stops everything.`,
    ].join("\n");
  }

  /** Ctrl-C lets them finish; another one ends them at once. */
  stopOnSignals(): void {
    let askedAt: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        const now = performance.now();
        if (askedAt === undefined) {
          askedAt = now;
          console.log("\nstopping everything (Ctrl-C again: at once)");
          void this.#stop(0);
        } else if (now - askedAt > sameKeyMs) {
          this.#killAll();
        }
      });
    }
  }

  #serverArgs(id: string): readonly string[] {
    const { servers } = demoPaths(this.#dir);
    const auth = `${demoHost}:${this.#authPort}`;
    return ["-n", id, "-l", servers, "--certs", this.#dir, "--auth", auth];
  }

  #run(name: string, command: string, args: readonly string[]): void {
    const events = {
      line: (line: string) => void this.#log.write(`${line}\n`),
      warning: (line: Readonly<Record<string, unknown>>) => this.#warn(name, line),
      ended: (how: string, lastWords: string) => this.#lost(name, how, lastWords),
    };
    this.#processes.push(new DemoProcess(name, command, args, events));
  }

  #warn(name: string, line: Readonly<Record<string, unknown>>): void {
    const { time: _time, level, event, serverid: _serverid, ...facts } = line;
    // Dials fail while the others start, and again and again while one is down.
    if (this.#state !== "running" || event === "dial-failed") return;
    const rest = Object.entries(facts).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    console.log(oneLine(`${name}: ${level} ${event} ${rest.join(" ")}`));
  }

  #lost(name: string, how: string, lastWords: string): void {
    if (this.#state !== "running") return;
    const said = lastWords === "" ? "" : `, saying: ${oneLine(lastWords)}`;
    console.log(`\n${name} has ended (${how})${said}`);
    const server = this.#servers.find(({ id }) => id === name);
    if (server !== undefined) {
      const again = [commandFor("chat-server"), ...this.#serverArgs(name)].join(" ");
      console.log(
        `The others go on without it. To bring it back, in another terminal:\n  ${again}`,
      );
    } else {
      console.log("Nobody new can log in. Stop the demo with Ctrl-C and start it again.");
    }
  }

  async #giveUp(why: string): Promise<never> {
    if (this.#state === "starting") console.error(`chat-demo: can't start: ${oneLine(why)}`);
    return await this.#stop(1);
  }

  async #stop(status: number): Promise<never> {
    const again = this.#state === "stopping";
    this.#state = "stopping";
    if (!again) {
      for (const each of this.#processes) each.stop();
      const kill = setTimeout(() => this.#killAll(), stopMs);
      await Promise.all(this.#processes.map(({ ended }) => ended));
      clearTimeout(kill);
      process.exit(status);
    }
    return await new Promise<never>(() => {}); // the first one ends the process
  }

  #killAll(): void {
    for (const each of this.#processes) each.kill();
  }
}

/** One clear line before anything is made, rather than four servers that fail one by one. */
async function checkPorts(ports: readonly number[]): Promise<void> {
  for (const each of ports) {
    const server = createServer().listen(each, demoHost);
    try {
      await once(server, "listening");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const where = `port ${each} of ${demoHost}`;
      if (code !== "EADDRINUSE") throw new UsageError(`can't use ${where}: ${message}`, 1);
      const advice = "stop what runs there (another demo?), or choose others (--help)";
      throw new UsageError(`${where} is in use: ${advice}`, 1);
    }
    server.close();
    await once(server, "close");
  }
}

function columns(passwords: ReadonlyMap<string, string>): readonly string[] {
  return [...passwords].map(([name, password]) => `  ${name.padEnd(8)}${password}`);
}

function say(line: string): void {
  console.log(`- ${line}`);
}

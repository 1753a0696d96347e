// A client on a terminal: each line is sent to one person, and what comes is printed.
//
//   npm install
//   CHAT_PASSWORD=... node talk.js HOST:PORT,HOST:PORT,... NAME CONTACT [cluster.crt]
//
// It knows chat.proto and nothing else. docs/API.md says why it does what it does.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [servers, name, contact, certificate] = process.argv.slice(2);
const password = process.env.CHAT_PASSWORD;
if (!contact || !password) {
  console.error("usage: CHAT_PASSWORD=... node talk.js HOST:PORT,... NAME CONTACT [cluster.crt]");
  process.exit(2);
}

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const proto = (path) =>
  grpc.loadPackageDefinition(loadSync(here(path), { longs: Number, enums: String, defaults: true, oneofs: true }));
const { ChatService } = proto("../../protos/chat.proto").chat.v1;
const status = loadSync(here("status.proto"), {});

// The certificate is the cluster's own, and its name is always this one (docs/API.md).
const credentials = certificate
  ? grpc.credentials.createSsl(readFileSync(certificate))
  : grpc.credentials.createInsecure();
const options = certificate ? { "grpc.ssl_target_name_override": "chat-cluster" } : {};
const stubs = new Map();
const stub = (address) => {
  if (!stubs.has(address)) stubs.set(address, new ChatService(address, credentials, options));
  return stubs.get(address);
};

// The stable name of an error; undefined where no server reported it itself.
function reasonOf(error) {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!bytes) return {};
  const decode = (kind, data) => status[`google.rpc.${kind}`].deserialize(data);
  const info = decode("Status", bytes).details.find((each) => each.type_url.endsWith("ErrorInfo"));
  return info ? decode("ErrorInfo", info.value) : {};
}

const call = (address, method, request, seconds, token) =>
  new Promise((resolve, reject) => {
    const metadata = new grpc.Metadata();
    if (token) metadata.set("authorization", `Bearer ${token}`);
    const deadline = Date.now() + seconds * 1000;
    stub(address)[method](request, metadata, { deadline }, (error, answer) =>
      error ? reject(error) : resolve(answer));
  });

// Every server is asked at once; of those that know a leader, the newest view is right.
async function findLeader() {
  const asked = servers.split(",").map((address) => call(address, "GetLeaderInfo", {}, 2));
  const answers = (await Promise.allSettled(asked)).map((each) => each.value);
  const known = answers.filter((answer) => answer?.leaderId);
  return known.sort((a, b) => b.view - a.view)[0]?.leaderAddress;
}

let leader;
let token = "";

// At the leader, wherever it goes. A request that is repeated has an id, so it has one effect.
async function ask(method, request, seconds = 5) {
  for (;;) {
    try {
      leader ??= await findLeader();
      if (leader) return await call(leader, method, request, seconds, token);
    } catch (error) {
      const { reason, metadata } = reasonOf(error);
      const later = { BUSY: 1, THROTTLED: 1, NO_QUORUM: 1, NOT_LEADER: 1 }[reason];
      const unreachable = !reason && [1, 4, 14].includes(error.code); // cancelled, late, unavailable
      if (!later && !unreachable) throw Object.assign(error, { reason });
      if (reason === "NOT_LEADER") leader = metadata.leader_address || undefined;
      else if (!later) leader = undefined;
      if (metadata?.retry_after_ms) await wait(Number(metadata.retry_after_ms));
    }
    await wait(200);
  }
}

async function signIn() {
  const request = { username: name, password, deviceName: "node" };
  ({ token } = await ask("Login", request, 60).catch(async (error) => {
    if (error.reason !== "BAD_CREDENTIALS") throw error; // it says so of unknown names, too
    await ask("Register", { username: name, password, requestId: randomUUID() }, 60);
    return ask("Login", request, 60);
  }));
}

// From the last event taken on, wherever the leader goes. Ends only with an error that stays.
async function listen(ready) {
  let cursor = 0; // from now on: what was said before is not shown
  for (;;) {
    leader ??= await findLeader();
    if (!leader) {
      await wait(200);
      continue;
    }
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    const stream = stub(leader).Subscribe({ after: cursor }, metadata);
    const watch = setInterval(() => stream.cancel(), 5000); // a server says something each second
    try {
      for await (const event of stream) {
        watch.refresh();
        ready(); // the first event says where now is: nothing is missed that comes after it
        if (event.kind === "message" && event.message.sender === contact) {
          console.log(`${event.message.sender}: ${event.message.text}`);
        }
        cursor = Math.max(cursor, event.cursor);
      }
    } catch (error) {
      const { reason } = reasonOf(error);
      if (reason === "SESSION_ENDED") throw error;
      if (reason === "CURSOR_EXPIRED") cursor = 0;
    } finally {
      clearInterval(watch);
    }
    leader = undefined;
    await wait(200);
  }
}

await signIn().catch((error) => {
  console.error(error.details ?? error);
  process.exit(1);
});
await new Promise((ready) => {
  listen(ready).catch((error) => {
    console.error(error.details ?? error);
    process.exit(1);
  });
});
console.log(`signed in as ${name}`);
for await (const text of createInterface({ input: process.stdin })) {
  const { message } = await ask("SendMessage", { messageId: randomUUID(), recipient: contact, text });
  console.log(`sent ${message.sequence}`);
}
process.exit(0);

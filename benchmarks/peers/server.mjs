// A site with express-session over one of npm's stores; it measures its own CPU time.
//
// Runs in the folder with node_modules: node server.mjs '{"kind": ..., "endpoint": ..., "table": ...}'

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
process.removeAllListeners("warning"); // on stderr: that a library recommends a newer node
const session = require("express-session");
const { kind, endpoint, table } = JSON.parse(process.argv[2]);
const place = {
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "benchmark", secretAccessKey: "benchmark" },
};

const { CreateTableCommand, DynamoDBClient } = require("@aws-sdk/client-dynamodb");

// The stores would create the table themselves, and lose the sessions until it exists.
async function createTable(key) {
  await new DynamoDBClient(place).send(
    new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: [{ AttributeName: key, AttributeType: "S" }],
      KeySchema: [{ AttributeName: key, KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
}

const stores = {
  "connect-dynamodb": () => {
    const Store = require("connect-dynamodb")(session);
    return new Store({ table, client: new DynamoDBClient(place) });
  },
  "dynamodb-store": () => {
    process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
    const Store = require("dynamodb-store");
    return new Store({ table: { name: table }, dynamoConfig: { ...place, ...place.credentials } });
  },
  "@pwrdrvr/dynamodb-session-store": () => {
    // Release 1.1.0 calls TypeScript's helpers, which it neither contains nor imports.
    Object.assign(globalThis, require("tslib"));
    const { DynamoDBStore } = require("@pwrdrvr/dynamodb-session-store");
    return new DynamoDBStore({
      tableName: table,
      dynamoDBClient: new DynamoDBClient(place),
    });
  },
};

const pages = {
  "/login": (request, values, done) => {
    Object.assign(request.session, values);
    done(null, "welcome");
  },
  "/read": (request, _values, done) => done(null, `${request.session.user_id}`),
  "/change": (request, values, done) => {
    Object.assign(request.session, values);
    done(null, "changed");
  },
  "/logout": (request, _values, done) => request.session.destroy((error) => done(error, "goodbye")),
};

await createTable(kind === "dynamodb-store" ? "sessionId" : "id");
const middleware = session({
  store: stores[kind](),
  secret: "benchmark",
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 86_400_000 },
});

// The clock stands still, as in the sites in Python: a slow machine renews no session.
const start = Date.now();
Date.now = () => start;

let times = [];

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function respond(request, response) {
  if (request.url === "/cpu") {
    response.end(JSON.stringify(times));
    times = [];
    return;
  }
  const begin = process.cpuUsage();
  response.on("finish", () => {
    const { user, system } = process.cpuUsage(begin);
    times.push(user + system);
  });
  const values = await body(request);
  middleware(request, response, (failure) => {
    const done = (error, text) => {
      response.statusCode = error ? 500 : 200;
      response.end(error ? `${error.stack}` : text);
    };
    if (failure) done(failure);
    else pages[request.url](request, values, done);
  });
}

const server = createServer(respond);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

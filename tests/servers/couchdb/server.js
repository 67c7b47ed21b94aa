// CouchDB's HTTP over PouchDB, with its files in a folder: server.js PORT FOLDER USER PASSWORD
"use strict";

const path = require("path");
const express = require("express");
const leveldown = require("leveldown");
const PouchDB = require("pouchdb-core");
const couchdb = require("express-pouchdb");

const [port, folder, user, password] = process.argv.slice(2);
const opened = new Map();

function open(name) {
  const files = leveldown(name);
  opened.set(path.resolve(name), files);
  return files;
}
open.destroy = leveldown.destroy;

PouchDB.plugin(require("pouchdb-adapter-leveldb"));
PouchDB.plugin(require("pouchdb-mapreduce"));

const app = express();

app.use((request, response, next) => {
  const right = "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
  if (request.headers.authorization === right) return next();
  response.status(401).json({ error: "unauthorized", reason: "Name or password is incorrect." });
});

// CouchDB's compaction writes the file of a database anew.  LevelDB leaves what was deleted in its files
// until it writes them anew of itself, so it is made to: what is in memory becomes a file, often at the
// lowest level, and only a later one whose keys lie around it is then merged with it.
function writeAnew(files, done) {
  const [low, high] = ["\x00", "\xff\xff\xff"];
  files.compactRange(low, high, () =>
    files.batch([low, high].map((key) => ({ type: "put", key, value: "" })), {}, () =>
      files.compactRange(low, high, done)
    )
  );
}

app.post("/:database/_compact", (request, response, next) => {
  const files = opened.get(path.resolve(folder, request.params.database));
  const end = response.end;
  response.end = (...words) => {
    response.end = end;
    if (response.statusCode !== 202 || !files) return response.end(...words);
    writeAnew(files, () => response.end(...words));
  };
  next();
});

app.use(
  couchdb(PouchDB.defaults({ db: open, compression: false, prefix: folder + path.sep }), {
    mode: "minimumForPouchDB",
    overrideMode: { exclude: ["compression"], include: ["validation"] },
  })
);

app.listen(Number(port), "127.0.0.1");

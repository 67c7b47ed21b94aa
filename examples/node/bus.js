// Redis, and where a room is in it, by nothing but Node itself (18 or newer).
'use strict';
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const SCRIPTS = process.env.MEET_SCRIPTS || path.join(__dirname, '..', '..', 'meet', 'broker', 'redis');

/** Reads one answer of `data` at `at`: [answer, where the next begins], or null if it is not whole yet. */
function read(data, at) {
  const end = data.indexOf('\r\n', at);
  if (end < 0) return null;
  const word = data.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (data[at]) {
    case 0x2b: return [word, next];
    case 0x2d: return [new Error(word), next];
    case 0x3a: return [Number(word), next];
    case 0x24:
      if (word === '-1') return [null, next];
      if (data.length < next + Number(word) + 2) return null;
      return [data.toString('utf8', next, next + Number(word)), next + Number(word) + 2];
    default: {
      const items = [];
      let from = next;
      for (let left = Number(word); left > 0; left--) {
        const item = read(data, from);
        if (item === null) return null;
        items.push(item[0]);
        from = item[1];
      }
      return [items, from];
    }
  }
}

/** One connection.  `message(channel, text)` is called for what is sent to channels that it has subscribed to. */
class Redis {
  constructor(url, message = () => {}) {
    const { hostname, port, password, username } = new URL(url);
    this.waiting = [];
    this.rest = Buffer.alloc(0);
    this.message = message;
    this.socket = net.connect(Number(port) || 6379, hostname || '127.0.0.1');
    this.socket.on('data', (data) => this.take(data));
    this.socket.on('error', (error) => this.lost(error));
    this.socket.on('close', () => this.lost(new Error('Redis hung up.')));
    if (password) this.ask('AUTH', username || 'default', decodeURIComponent(password)).catch((error) => this.lost(error));
  }

  take(data) {
    this.rest = Buffer.concat([this.rest, data]);
    let at = 0;
    for (let found = read(this.rest, 0); found !== null; found = read(this.rest, at)) {
      const [answer, next] = found;
      at = next;
      if (Array.isArray(answer) && answer[0] === 'message') this.message(answer[1], answer[2]);
      else if (answer instanceof Error) this.waiting.shift().no(answer);
      else this.waiting.shift().yes(answer);
    }
    this.rest = this.rest.subarray(at);
  }

  lost(error) {
    for (const { no } of this.waiting.splice(0)) no(error);
    this.failed = error;
  }

  ask(...words) {
    if (this.failed) return Promise.reject(this.failed);
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${parts.join('')}`);
    return new Promise((yes, no) => this.waiting.push({ yes, no }));
  }

  /** Runs the Lua file of that name, which Meet runs too. */
  run(name, keys, words) {
    return this.ask('EVAL', readFileSync(path.join(SCRIPTS, `${name}.lua`), 'utf8'), keys.length, ...keys, ...words);
  }

  close() {
    this.socket.end();
  }
}

const SHARDS = 64;

function shardOf(room) {
  let crc = ~0;
  for (const byte of Buffer.from(room)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (~crc >>> 0) % SHARDS;
}

/** Keys and channels that begin with `prefix`. */
function names(prefix) {
  const of = (shard, what) => `${prefix}:{${String(shard).padStart(2, '0')}}:${what}`;
  return { of, room: (what, room) => of(shardOf(room), `${what}:${room}`), wake: `${prefix}:wake` };
}

/** Names a secret without telling it, as Meet names participants. */
function digest(secret) {
  const bits = [...createHash('sha256').update(secret).digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return Array.from({ length: 16 }, (_, at) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(bits.slice(5 * at, 5 * at + 5), 2)]).join('');
}

module.exports = { Redis, SHARDS, digest, names, shardOf };

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
      if (Array.isArray(answer) && /^p?message$/.test(answer[0])) this.message(...answer.slice(-2));
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
  const house = (what) => `${prefix}:{house}:${what}`;
  return { of, house, room: (what, room) => of(shardOf(room), `${what}:${room}`), wake: `${prefix}:wake` };
}

/** A room as it is: its newest ruling, and its state by kind; null if there is none of that name. */
async function look(redis, at, room) {
  const [epoch, , law, , kept] = await redis.run('read', ['head', 'tail', 'kept'].map((what) => at.room(what, room)), []);
  if (!epoch) return null;
  const events = kept.map((entry) => JSON.parse(entry.slice(entry.indexOf(' ') + 1)));
  const all = (kind) => events.filter((event) => event.kind === kind);
  return { under: law ? `${epoch}.${law}` : '', all, of: (kind) => all(kind)[0] };
}

/**
 * Publishes `event` in `room` behind its guards: the position, `=` and the position if it stood before, or 'stale' or 'taken'.
 * `under` is the ruling it was decided under, `key` what it is state of, `who` the nick that `by` speaks under.
 */
function publish(redis, at, room, event, { under, key = '', flags = '', who = '', by = '', once = '' }) {
  const keys = ['head', 'tail', 'kept', 'owners', 'holders'].map((what) => at.room(what, room));
  keys.push(...['journal', 'asleep', 'rooms'].map((what) => at.of(shardOf(room), what)));
  if (once) keys.push(at.of(shardOf(room), `once:${room}:${createHash('sha1').update(once).digest('hex')}`));
  const body = JSON.stringify({ ...event, at: new Date().toISOString() });
  const sent = [at.room('room', room), at.wake, shardOf(room)];
  const words = [room, body, under, key, flags, who, by, 'node', '', 1000, ...sent, '', '', 300000];
  return redis.run('publish', keys, words);
}

/** Names a secret without telling it, as Meet names participants. */
function digest(secret) {
  const bits = [...createHash('sha256').update(secret).digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return Array.from({ length: 16 }, (_, at) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(bits.slice(5 * at, 5 * at + 5), 2)]).join('');
}

module.exports = { Redis, SHARDS, digest, look, names, publish };

// Says a line in a room, as a participant: takes the nick, says it, lets go of the nick.
//
//   node publish.js redis://127.0.0.1:6379 algebra Timer 'Ten minutes left.' [prefix]
'use strict';
const { createHash } = require('node:crypto');
const { Redis, digest, names, shardOf } = require('./bus.js');

const [url, room, nick, text, prefix = 'meet'] = process.argv.slice(2);
if (!text) {
  process.stderr.write('usage: node publish.js URL ROOM NICK TEXT [PREFIX]\n');
  process.exit(2);
}
const at = names(prefix);
const redis = new Redis(url);
// Whoever has the secret is that participant: keep yours, and let it differ from room to room.
const by = digest(`${process.env.MEET_SECRET || Math.random()} ${room} ${nick}`);
const who = `who:${nick.normalize('NFKC').toLowerCase()}`;
const ref = process.env.MEET_REF || `${Date.now()}`;

/** The room as it is: its newest ruling, and its state by kind. */
async function look() {
  const [epoch, , law, , kept] = await redis.run('read', ['head', 'tail', 'kept'].map((what) => at.room(what, room)), []);
  if (!epoch) throw new Error(`There is no room ${room}.`);
  const events = kept.map((entry) => JSON.parse(entry.slice(entry.indexOf(' ') + 1)));
  return { under: law ? `${epoch}.${law}` : '', of: (kind) => events.find((event) => event.kind === kind) };
}

/** Publishes one event behind its guards: decided anew as long as somebody rules in between. */
async function publish(event, flags, key, once = '') {
  for (;;) {
    const now = await look();
    const { ends } = now.of('extended') || now.of('opened');
    const { limit } = now.of('opened');
    if (now.of('closed') || ends <= new Date().toISOString()) throw new Error(`The room ${room} has closed.`);
    if (event.text && [...event.text].length > limit) throw new Error(`This room takes ${limit} characters.`);
    const keys = ['head', 'tail', 'kept', 'owners', 'holders'].map((what) => at.room(what, room));
    keys.push(...['journal', 'asleep', 'rooms'].map((what) => at.of(shardOf(room), what)));
    if (once) keys.push(at.of(shardOf(room), `once:${room}:${createHash('sha1').update(once).digest('hex')}`));
    const body = JSON.stringify({ ...event, at: new Date().toISOString() });
    const sent = [at.room('room', room), at.wake, shardOf(room)];
    const words = [room, body, now.under, key, flags, who, by, 'node', '', 1000, ...sent, '', '', 300000];
    const answer = await redis.run('publish', keys, words);
    if (answer === 'taken') throw new Error(`The nick ${nick} is taken in ${room}.`);
    if (answer !== 'stale') return answer.replace(/^=/, '');
  }
}

async function main() {
  await publish({ kind: 'joined', by, nick, via: 'node' }, 'kc', who);
  try {
    process.stdout.write(`${await publish({ kind: 'said', by, nick, via: 'node', text, ref }, 'c', '', `${by}:${ref}`)}\n`);
  } finally {
    await publish({ kind: 'left', by, nick, because: 'left', via: 'node' }, 'kfc', who);
    redis.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

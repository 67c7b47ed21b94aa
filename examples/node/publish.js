// Says a line in a room, as a participant: takes the nick, says it, lets go of the nick.
//
//   node publish.js redis://127.0.0.1:6379 algebra Timer 'Ten minutes left.' [prefix]
'use strict';
const { Redis, digest, look, names, publish } = require('./bus.js');

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

/** Publishes one event: decided anew as long as somebody rules in between. */
async function tell(event, flags, key, once = '') {
  for (;;) {
    const now = await look(redis, at, room);
    if (!now) throw new Error(`There is no room ${room}.`);
    const { ends } = now.of('extended') || now.of('opened');
    const { limit } = now.of('opened');
    if (now.of('closed') || ends <= new Date().toISOString()) throw new Error(`The room ${room} has closed.`);
    if (event.text && [...event.text].length > limit) throw new Error(`This room takes ${limit} characters.`);
    const answer = await publish(redis, at, room, event, { under: now.under, key, flags, who, by, once });
    if (answer === 'taken') throw new Error(`The nick ${nick} is taken in ${room}.`);
    if (answer !== 'stale') return answer.replace(/^=/, '');
  }
}

async function main() {
  await tell({ kind: 'joined', by, nick, via: 'node' }, 'kc', who);
  try {
    process.stdout.write(`${await tell({ kind: 'said', by, nick, via: 'node', text, ref }, 'c', '', `${by}:${ref}`)}\n`);
  } finally {
    await tell({ kind: 'left', by, nick, because: 'left', via: 'node' }, 'kfc', who);
    redis.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

// What every source does, whatever it hears: waits for its turn, knows which rooms follow what, and posts in them.
'use strict';
const { randomUUID } = require('node:crypto');
const { Redis, SHARDS, look, names, publish } = require('./bus.js');

/** The rooms that follow anything while it is our turn.  `changed()` is called when what they follow may have changed. */
class Rooms {
  constructor(source, url, prefix, changed) {
    Object.assign(this, { source, changed, at: names(prefix), me: `node-${randomUUID()}`, rooms: new Map(), leads: false });
    this.house = ['alive', 'gone', 'adopted', 'leases', 'workers', 'shares', 'seen'].map(this.at.house);
    this.redis = new Redis(url);
    this.ear = new Redis(url, (channel, entry) => {
      const ruled = /"kind":"(followed|chosen|blocked|closed|forgotten)"/.test(entry);
      if (this.leads && ruled) this.consider(channel.split(':').pop()).then(changed, (error) => this.end(error));
    });
    this.alone = setTimeout(() => this.end(new Error('Redis is away, so that another may have the turn.')), 6000);
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => this.end());
    const pulse = () => this.pulse().catch((error) => this.end(error));
    this.ear.ask('PSUBSCRIBE', `${prefix}:{*}:room:*`).then(pulse, (error) => this.end(error));
    this.beating = setInterval(pulse, 2000);
  }

  /** All that is followed. */
  get words() {
    return new Set([...this.rooms.values()].flatMap((room) => room.words));
  }

  /** Says that we live, and hears whether it is our turn: of all processes one at a time follows a source. */
  async pulse() {
    const [, , turns] = await this.redis.run('pulse', this.house, [this.me, 6000, SHARDS, 0, 1, `source:${this.source}`]);
    this.alone.refresh();
    if (this.leads || turns.length === 0) return;
    this.leads = true;
    for (let shard = 0; shard < SHARDS; shard++) {
      for (const room of await this.redis.ask('ZRANGE', this.at.of(shard, 'rooms'), 0, -1)) await this.consider(room);
    }
    process.stderr.write('following\n');
    this.changed();
  }

  /** Looks at a room: what it follows, what it wants of that, and the ruling under which that holds. */
  async consider(room) {
    const now = await look(this.redis, this.at, room);
    const words = (now && !now.of('closed') && now.of('followed')?.words) || [];
    const choices = now?.of('chosen') || { quotes: true };
    const blocked = now?.all('blocked').filter(({ lifted }) => !lifted).map(({ author }) => author);
    if (words.length === 0 || choices.paused) this.rooms.delete(room);
    else this.rooms.set(room, { left: 50, then: Date.now(), ...this.rooms.get(room), words, choices, blocked, under: now.under });
  }

  /** Has `said` stand, once whoever brings it, in each room that follows one of `words` and wants it. */
  async post(said, words) {
    const { id, quote, sensitive } = said.post;
    for (const [name, room] of [...this.rooms]) {
      if (!room.words.some((word) => words.has(word)) || room.blocked.includes(said.by)) continue;
      if ((quote && !room.choices.quotes) || (sensitive && !room.choices.sensitive)) continue;
      // Five a second: more than that nobody can read.
      room.left = Math.min(50, room.left + (Date.now() - room.then) / 200);
      room.then = Date.now();
      if (room.left < 1) continue;
      room.left -= 1;
      for (let now = room; now; now = this.rooms.get(name)) {
        const answer = await publish(this.redis, this.at, name, said, { under: now.under, once: `${this.source}:${id}` });
        if (answer !== 'stale') break;
        await this.consider(name);
      }
    }
  }

  /** Gives the turn back, so that another has it at once.  Whoever supervises starts us again after an error. */
  end(error) {
    clearInterval(this.beating);
    this.leads = false;
    this.changed();
    if (error) process.stderr.write(`${error.message}\n`);
    const parted = this.redis.run('part', this.house.slice(0, 6), [this.me, 'all']);
    parted.catch(() => {}).then(() => process.exit(error ? 1 : 0));
  }
}

module.exports = { Rooms };

// A durable observer: tells every event of every room, one JSON line each, and nothing that happens while it is away is lost.
//
//   node observe.js redis://127.0.0.1:6379 my-archive [prefix]
'use strict';
const { Redis, SHARDS, names } = require('./bus.js');

const [url = 'redis://127.0.0.1:6379', observer = 'node', prefix = 'meet'] = process.argv.slice(2);
const worker = `${observer}-${process.pid}`;
const at = names(prefix);
const ready = new Set(Array.from({ length: SHARDS }, (_, shard) => shard));
let wake = () => {};
let stopping = false;

const redis = new Redis(url);
const ear = new Redis(url, (_, shard) => {
  ready.add(Number(shard));
  wake();
});

/** Deals with what one shard has: first what was told before and not acknowledged, then what is new. */
async function drain(shard) {
  const journal = at.of(shard, 'journal');
  for (const since of ['0', '>']) {
    for (;;) {
      const records = await redis.run('next', [journal, at.of(shard, 'asleep')], [observer, worker, 100, since]);
      if (records === 'lost') throw new Error('Another worker of this name has taken over.');
      if (records.length === 0) break;
      for (const [, fields] of records) tell(fields);
      // Only now that all of it is written.
      await redis.run('acknowledge', [journal], [observer, ...records.map(([number]) => number)]);
    }
  }
}

/** Writes one record.  One that was erased has no fields; what is no record is passed over. */
function tell(fields) {
  const record = {};
  for (let each = 0; each < (fields || []).length; each += 2) record[fields[each]] = fields[each + 1];
  try {
    process.stdout.write(`${JSON.stringify({ room: record.r, position: record.p, event: JSON.parse(record.b) })}\n`);
  } catch {
    process.stderr.write('Something in the journal is no record.\n');
  }
}

async function main() {
  // Heard before it is read, so that nothing falls between the two.
  await ear.ask('SUBSCRIBE', at.wake);
  for (let shard = 0; shard < SHARDS; shard++) {
    const journal = at.of(shard, 'journal');
    const keys = [journal, at.of(shard, 'rooms'), at.of(shard, `backfill:${observer}`), at.of(shard, 'head:')];
    await redis.run('register', keys, [observer]);
    await redis.run('inherit', [journal], [observer, worker]);
  }
  process.stderr.write('observing\n');
  while (!stopping) {
    for (const shard of [...ready]) {
      ready.delete(shard);
      await drain(shard);
    }
    if (ready.size === 0 && !stopping) await new Promise((woken) => (wake = woken));
  }
  redis.close();
  ear.close();
}

for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => { stopping = true; wake(); });
main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

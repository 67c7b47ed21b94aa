// Follows X for every room, in the place of a `twistd meet --follow twitter`: start the one, end the other, and back.
//
//   MEET_SOURCE_TWITTER_TOKEN=… node twitter.js redis://127.0.0.1:6379 [https://api.x.com] [prefix]
'use strict';
const { Rooms } = require('./source.js');

const [url = 'redis://127.0.0.1:6379', api = 'https://api.x.com', prefix = 'meet'] = process.argv.slice(2);
const STREAM = '/2/tweets/search/stream';
const FIELDS = 'created_at,lang,entities,note_tweet,referenced_tweets,possibly_sensitive&expansions=author_id&user.fields=name,username';
let hangUp = () => {}, failures = 0, ruled = '';
const busy = new Set();
const rooms = new Rooms('twitter', url, prefix, () => {
  if (!rooms.leads || rooms.words.size === 0) hangUp();
  if (rooms.leads && ruled !== [...rooms.words].sort().join()) work(rule);
  if (rooms.leads && rooms.words.size > 0) work(hear);
});

/** Does one of each at a time, and looks again after the milliseconds that it answers. */
function work(what) {
  if (busy.has(what)) return;
  busy.add(what);
  const again = (wait) => setTimeout(() => busy.delete(what) && rooms.changed(), wait);
  what().then(again, (error) => rooms.end(error));
}

async function ask(method, path, body, signal = AbortSignal.timeout(30000)) {
  const headers = { authorization: `Bearer ${process.env.MEET_SOURCE_TWITTER_TOKEN}`, 'content-type': 'application/json' };
  const answer = await fetch(api + path, { method, headers, signal, body: body && JSON.stringify(body) });
  if ([401, 403].includes(answer.status)) rooms.end(new Error('X does not take the bearer token, or not for this app.'));
  if (!answer.ok) throw Object.assign(new Error(), { status: answer.status, said: await answer.text() });
  return answer;
}

/** Each word has a rule, written and marked as Meet's own are: whoever takes over finds there what it wants. */
async function rule() {
  const words = [...rooms.words].sort(), values = words.map((word) => `${word.replace(/^@/, 'from:')} -is:retweet`);
  try {
    const { data = [] } = await (await ask('GET', `${STREAM}/rules?max_results=1000`)).json();
    const held = data.filter(({ tag }) => tag === 'meet');
    const add = values.filter((value) => held.every((each) => each.value !== value)).map((value) => ({ value, tag: 'meet' }));
    const ids = held.filter(({ value }) => !values.includes(value)).map(({ id }) => id);
    while (add.length > 0) await ask('POST', `${STREAM}/rules`, { add: add.splice(0, 100) });
    while (ids.length > 0) await ask('POST', `${STREAM}/rules`, { delete: { ids: ids.splice(0, 100) } });
    ruled = words.join();
    return 1000;
  } catch {
    return 30000;
  }
}

/** Hears one stream to its end. */
async function hear() {
  const began = Date.now(), cut = new AbortController(), decoder = new TextDecoder();
  hangUp = () => cut.abort();
  const silence = setTimeout(hangUp, 30000);
  let wait = 250, rest = '';
  try {
    for await (const piece of (await ask('GET', `${STREAM}?tweet.fields=${FIELDS}`, undefined, cut.signal)).body) {
      silence.refresh();
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop();
      // One that is not as it should be costs no other.
      for (const line of lines) if (line.trim() && rooms.leads) await take(line).catch(() => {});
    }
  } catch ({ status, said }) {
    wait = status === 429 ? 60000 : status && status !== 409 ? 5000 : 250;
    // What X still takes for alive is dead: it is our turn, so nobody else has a connection.
    if (/TooManyConnections/.test(said)) await ask('DELETE', '/2/connections/filtered_stream').then(() => (wait = 1000), () => {});
  }
  clearTimeout(silence);
  failures = Date.now() - began > 60000 ? 0 : Math.min(failures + 1, 5);
  return wait * 2 ** Math.max(failures - 1, 0);
}

/** One line: a post, or that X ends the stream. */
async function take(line) {
  const { data, includes } = JSON.parse(line);
  if (!data) return hangUp();
  const { name, username: handle = '' } = includes?.users?.find(({ id }) => id === data.author_id) || {};
  const words = new Set([`@${handle.toLowerCase()}`, ...(data.entities?.hashtags || []).map(({ tag }) => `#${tag.toLowerCase()}`)]);
  const signs = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };
  const text = (data.note_tweet?.text || data.text).replace(/&(amp|lt|gt);/g, (sign) => signs[sign]).slice(0, 4000);
  const about = { at: new Date(data.created_at).toISOString(), link: `https://x.com/${handle || 'i'}/status/${data.id}`, language: data.lang };
  // X does not let anybody keep its words for longer: then they go from every room and archive by themselves.
  const expires = new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString();
  const quote = (data.referenced_tweets || []).some(({ type }) => type === 'quoted');
  const post = { id: data.id, handle, ...about, quote, sensitive: data.possibly_sensitive === true, expires };
  await rooms.post({ kind: 'said', by: `twitter:${data.author_id}`, nick: name || handle || 'X', via: 'twitter', text, post }, words);
}

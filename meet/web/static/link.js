/* The link to the room: finds a way that this network lets through, notices when it breaks, and comes back.

   Ways are tried from the best on, the next as soon as one breaks or keeps silent, and the
   first to be welcomed stays.  A way is believed only while something comes by it. */

import { socket } from "./socket.js";

// Most networks let the first way through: the others are fetched by those who need them.
const requests = () => import("./requests.js");
const WAYS = {
  socket: async () => socket,
  stream: async () => (await requests()).stream,
  poll: async () => (await requests()).poll,
};
const REMEMBERED = "meet:way";
const NEXT_WAY = [0, 2000, 3500];
const ATTEMPT = 20000;
const QUIET = 25000;
const ANSWER = 10000;
const LONGEST_PAUSE = 15000;

export class Link {
  #told;
  #way = null;
  #trials = new Set();
  #timers = new Set();
  #watch = 0;
  #retry = 0;
  #failures = 0;
  #first = true;
  #stopped = true;
  #heard = 0;
  #round = 0;

  /** `who()` gives {room, token, nick, after}; `told` hears state, welcome, heard, told, rejected. */
  constructor(who, told) {
    this.who = who;
    this.#told = told;
    addEventListener("online", () => {
      sessionStorage.removeItem(REMEMBERED);
      this.#now();
    });
    addEventListener("offline", () => this.#lost());
    addEventListener("pageshow", (event) => event.persisted && this.#awake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#awake());
  }

  get live() {
    return this.#way !== null;
  }

  /** Begin, or begin anew as somebody else. */
  start() {
    this.#drop();
    this.#stopped = false;
    this.#failures = 0;
    this.#attempt();
  }

  /** End it for good, until `start`. */
  stop() {
    this.#stopped = true;
    this.#drop();
  }

  /** Pass on an ask; false if there is no connection now. */
  ask(message) {
    this.#way?.ask(message);
    return this.live;
  }

  #drop() {
    this.#round += 1;
    clearTimeout(this.#watch);
    clearTimeout(this.#retry);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const trial of this.#trials) trial.close();
    this.#trials.clear();
    this.#way?.close();
    this.#way = null;
  }

  #order() {
    const names = Object.keys(WAYS);
    const remembered = sessionStorage.getItem(REMEMBERED);
    return names.includes(remembered) ? [remembered, ...names.filter((name) => name !== remembered)] : names;
  }

  #attempt() {
    if (navigator.onLine === false) return this.#told.state("away");
    this.#told.state(this.#failures > 2 ? "away" : "trying");
    const waiting = this.#order();
    let running = 0;
    const begin = () => {
      const name = waiting.shift();
      if (!name || this.#way || this.#stopped) return;
      running += 1;
      this.#try(name, () => {
        running -= 1;
        if (waiting.length) begin();
        else if (!running) this.#lost();
      });
    };
    for (const pause of NEXT_WAY) this.#later(begin, pause);
    this.#later(() => this.#lost(), ATTEMPT);
  }

  #later(run, pause) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, pause);
    this.#timers.add(timer);
  }

  #try(name, broken) {
    let trial = null;
    const mine = () => this.#way === trial && trial !== null;
    const ear = {
      alive: () => mine() && this.#alive(),
      welcome: (message) => {
        if (this.#way || this.#stopped) return trial?.close();
        this.#trials.delete(trial);
        this.#drop();
        this.#way = trial;
        // Only a page's first attempt tells about the network; later ones meet servers that restart.
        if (this.#first && name !== "socket") sessionStorage.setItem(REMEMBERED, name);
        this.#first = false;
        this.#failures = 0;
        this.#alive();
        this.#told.welcome(message, name);
      },
      heard: (position, event) => mine() && this.#told.heard(position, event),
      told: (message) => {
        if (!mine()) return;
        if (message.kind === "goodbye") this.#goodbye(message);
        else if (message.kind !== "beat") this.#told.told(message);
      },
      rejected: (problem) => {
        if (!this.#trials.has(trial) && !mine()) return;
        this.stop();
        this.#told.rejected(problem);
      },
      failed: () => {
        if (mine()) this.#lost();
        else if (this.#trials.delete(trial)) broken();
      },
    };
    const round = this.#round;
    WAYS[name]().then((way) => {
      if (round !== this.#round) return;
      trial = way(this.who(), ear);
      this.#trials.add(trial);
    }).catch(() => round === this.#round && broken());
  }

  #alive() {
    this.#heard = Date.now();
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#beat(ANSWER), QUIET);
  }

  #beat(patience) {
    this.#way?.beat?.();
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#lost(), patience);
  }

  #goodbye(message) {
    if (message.again) return this.#lost((message.within ?? 5) * 1000);
    this.stop();
    return this.#told.rejected({ kind: "goodbye", code: message.name, detail: message.detail });
  }

  /** What there was is broken: come back after a random pause, so that not all come at once. */
  #lost(within) {
    if (this.#stopped) return;
    this.#drop();
    const pause = within ?? Math.min(LONGEST_PAUSE, 500 * 2 ** this.#failures);
    this.#failures += 1;
    if (navigator.onLine === false) return this.#told.state("away");
    this.#told.state(this.#failures > 3 ? "away" : "trying");
    this.#retry = setTimeout(() => this.#attempt(), Math.random() * pause);
  }

  #now() {
    if (this.#stopped || this.#way || this.#trials.size) return;
    clearTimeout(this.#retry);
    this.#failures = 0;
    this.#attempt();
  }

  #awake() {
    if (this.#way && Date.now() - this.#heard > QUIET) this.#way.beat ? this.#beat(5000) : this.#lost(0);
    else this.#now();
  }
}

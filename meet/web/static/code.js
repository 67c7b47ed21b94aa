/* A link as a QR code (ISO/IEC 18004): bytes, versions 1 to 10, correction level M. */

const CORRECTION = [0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26];
const BLOCKS = [0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5];
const CODEWORDS = [0, 26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
const QUIET_ZONE = 4;
const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Multiply in the field of 256 elements that the code's correction is made in. */
function times(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((other >> bit) & 1) * one;
  }
  return product;
}

function correction(data, degree) {
  const divisor = new Array(degree).fill(0);
  divisor[degree - 1] = 1;
  for (let root = 1, step = 0; step < degree; step += 1, root = times(root, 2)) {
    for (let index = 0; index < degree; index += 1) divisor[index] = times(divisor[index], root) ^ (divisor[index + 1] ?? 0);
  }
  const rest = new Array(degree).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((each, index) => (rest[index] ^= times(each, factor)));
  }
  return rest;
}

/** The codewords of `bytes`, in blocks with their correction, woven into each other. */
function codewords(bytes, version) {
  const blocks = BLOCKS[version];
  const capacity = CODEWORDS[version] - blocks * CORRECTION[version];
  const bits = [];
  const put = (value, count) => {
    for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1);
  };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, capacity * 8 - bits.length));
  put(0, -bits.length & 7);
  for (let filler = 0xec; bits.length < capacity * 8; filler ^= 0xec ^ 0x11) put(filler, 8);
  const data = [];
  for (let index = 0; index < bits.length; index += 8) data.push(parseInt(bits.slice(index, index + 8).join(""), 2));
  const short = Math.floor(capacity / blocks);
  const parts = [];
  for (let block = 0, from = 0; block < blocks; block += 1) {
    const size = short + (block >= blocks - (capacity % blocks) ? 1 : 0);
    parts.push(data.slice(from, from + size));
    from += size;
  }
  const checks = parts.map((part) => correction(part, CORRECTION[version]));
  const woven = [];
  for (let index = 0; index <= short; index += 1) for (const part of parts) if (index < part.length) woven.push(part[index]);
  for (let index = 0; index < CORRECTION[version]; index += 1) for (const check of checks) woven.push(check[index]);
  return woven;
}

/** The dark squares of the code as rows of booleans, or null if `text` is too long for one. */
export function squares(text) {
  const bytes = new TextEncoder().encode(text);
  const version = CODEWORDS.findIndex((all, each) => each && bytes.length + (each < 10 ? 2 : 3) <= all - BLOCKS[each] * CORRECTION[each]);
  if (version < 0) return null;
  const size = 17 + 4 * version;
  const dark = Array.from({ length: size }, () => new Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => new Array(size).fill(false));
  const set = (x, y, value) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    dark[y][x] = value;
    fixed[y][x] = true;
  };
  const square = (left, top, radius, rings) => {
    for (let y = -radius; y <= radius; y += 1) for (let x = -radius; x <= radius; x += 1) set(left + x, top + y, rings.includes(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (let index = 0; index < size; index += 1) {
    set(6, index, index % 2 === 0);
    set(index, 6, index % 2 === 0);
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, [0, 1, 3]);
  const places = version === 1 ? [] : version < 7 ? [6, size - 7] : [6, 2 * version + 8, size - 7];
  const last = places.length - 1;
  places.forEach((x, column) => places.forEach((y, row) => {
    if (!((column === 0 && (row === 0 || row === last)) || (column === last && row === 0))) square(x, y, 2, [0, 2]);
  }));
  const format = (mask) => {
    let rest = mask;
    for (let step = 0; step < 10; step += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
    const word = ((mask << 10) | rest) ^ 0x5412;
    const bit = (index) => ((word >> index) & 1) === 1;
    for (let index = 0; index < 6; index += 1) set(8, index, bit(index));
    set(8, 7, bit(6));
    set(8, 8, bit(7));
    set(7, 8, bit(8));
    for (let index = 9; index < 15; index += 1) set(14 - index, 8, bit(index));
    for (let index = 0; index < 8; index += 1) set(size - 1 - index, 8, bit(index));
    for (let index = 8; index < 15; index += 1) set(8, size - 15 + index, bit(index));
    set(8, size - 8, true);
  };
  format(0);
  if (version > 6) {
    let rest = version;
    for (let step = 0; step < 12; step += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
    const word = (version << 12) | rest;
    for (let index = 0; index < 18; index += 1) {
      const far = size - 11 + (index % 3);
      const near = Math.floor(index / 3);
      set(far, near, ((word >> index) & 1) === 1);
      set(near, far, ((word >> index) & 1) === 1);
    }
  }
  const words = codewords(bytes, version);
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y][x]) continue;
        dark[y][x] = at < words.length * 8 && ((words[at >> 3] >> (7 - (at & 7))) & 1) === 1;
        at += 1;
      }
    }
  }
  const flip = (mask) => dark.forEach((row, y) => row.forEach((_, x) => fixed[y][x] || (row[x] = row[x] !== MASKS[mask](x, y))));
  const unrest = MASKS.map((_, mask) => {
    flip(mask);
    const cost = uneven(dark);
    flip(mask);
    return cost;
  });
  const best = unrest.indexOf(Math.min(...unrest));
  flip(best);
  format(best);
  return dark;
}

/** How hard to read a pattern is: long runs and blocks of one colour cost. */
function uneven(dark) {
  let cost = 0;
  const size = dark.length;
  for (let y = 0; y < size; y += 1) {
    for (const at of [(x) => dark[y][x], (x) => dark[x][y]]) {
      for (let x = 1, run = 1; x < size; x += 1) {
        run = at(x) === at(x - 1) ? run + 1 : 1;
        if (run === 5) cost += 3;
        else if (run > 5) cost += 1;
      }
    }
    for (let x = 1; y && x < size; x += 1) {
      if (dark[y][x] === dark[y - 1][x] && dark[y][x] === dark[y][x - 1] && dark[y][x] === dark[y - 1][x - 1]) cost += 3;
    }
  }
  return cost;
}

/** Draw `text` into an SVG element, which stays empty if it is too long. */
export function draw(svg, text) {
  const dark = squares(text);
  if (!dark) return;
  const size = dark.length + 2 * QUIET_ZONE;
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", dark.flatMap((row, y) => row.map((on, x) => (on ? `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z` : ""))).join(""));
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.replaceChildren(path);
}

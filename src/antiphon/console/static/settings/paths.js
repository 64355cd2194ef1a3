/**
 * Where a field is in a setup: `generationConfig.speechConfig.languageCode`, and `tools[].googleSearch` for a member of
 * whichever entry of a list has it.
 *
 * Nothing here changes what it is given: setups are values.
 */

const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);

/**
 * @param {string} path
 * @returns {{ name: string, listed: boolean }[]} the steps from the setup down
 */
function steps(path) {
  return path.split(".").map((step) => {
    const listed = step.endsWith("[]");
    return { name: listed ? step.slice(0, -2) : step, listed };
  });
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const own = (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined);

/**
 * What a setup has at a path; `undefined` where it has nothing. Lists that several entries have are one list.
 * @param {object} setup
 * @param {string} path
 */
export function get(setup, path) {
  const [first, ...rest] = steps(path);
  return read(setup, first, rest);
}

function read(value, step, rest) {
  const found = own(value, step.name);
  if (!rest.length) return found;
  if (!step.listed) return read(found, rest[0], rest.slice(1));
  const members = (Array.isArray(found) ? found : []).map((each) => read(each, rest[0], rest.slice(1)));
  const there = members.filter((each) => each !== undefined);
  return there.length > 1 && there.every(Array.isArray) ? there.flat() : there[0];
}

/**
 * The setup with `value` at a path; `undefined` takes the field away, and every object that is empty without it.
 * @param {object} setup
 * @param {string} path
 * @param {unknown} value
 * @param {ReadonlySet<string>} [kept] paths of objects that mean something while they are empty
 * @returns {object}
 */
export function put(setup, path, value, kept = new Set()) {
  return write(isObject(setup) ? setup : {}, steps(path), value, kept, "") ?? {};
}

/** @param {any} parent @param {{ name: string, listed: boolean }[]} way */
function write(parent, way, value, kept, above) {
  const [step, ...rest] = way;
  if (FORBIDDEN.has(step.name)) return parent;
  const path = above + step.name + (step.listed ? "[]" : "");
  const old = own(parent, step.name);
  const fresh = written(old, step, rest, value, kept, path);
  const result = { ...parent };
  if (fresh === undefined) delete result[step.name];
  else result[step.name] = fresh;
  return Object.keys(result).length || kept.has(above.slice(0, -1)) ? result : undefined;
}

function written(old, step, rest, value, kept, path) {
  if (!rest.length) return value;
  if (!step.listed) return write(isObject(old) ? old : {}, rest, value, kept, `${path}.`);
  const entries = (Array.isArray(old) ? old : []).filter(isObject);
  const holder = entries.findIndex((each) => own(each, rest[0].name) !== undefined);
  const changed = entries.map((each, index) => {
    if (own(each, rest[0].name) === undefined) return each;
    return write(each, rest, index === holder ? value : undefined, kept, `${path}.`);
  });
  if (holder < 0 && value !== undefined) changed.push(write({}, rest, value, kept, `${path}.`));
  const left = changed.filter((each) => each !== undefined);
  return left.length ? left : undefined;
}

/** @returns {boolean} whether two JSON values are the same; the order of members does not matter */
export function same(one, other) {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => same(each, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => same(one[name], own(other, name)));
}

// The pages of the HTML report, made from the JSON in #data. Texts become text nodes only, never markup.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const view = document.getElementById("view");
const tests = new Map(data.tests.map((test) => [test.id, test]));
const KINDS = {
  passed: "ok", flaky: "warn", failed: "bad", "reduced precision": "bad", error: "bad", "timed out": "bad",
  "worker lost": "warn", cancelled: "idle", skipped: "idle", expired: "warn",
  waiting: "busy", blocked: "busy", running: "busy",
};

// Text in which invisible characters, which can change how it reads, are written as codes.
const visible = (text) => String(text).replace(/[\u{ad}\u{61c}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{e0000}-\u{e007f}]|(?![\n\t])\p{Cc}/gu,
  (character) => "\\u{" + character.codePointAt(0).toString(16) + "}");

// An element with attributes and children: elements, texts, or lists of them.
function h(name, attributes, ...children) {
  const space = ["svg", "circle", "line", "path", "rect", "text", "title"].includes(name);
  const element = space ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, key === "href" || key === "value" ? value : visible(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined).map((child) => child instanceof Node ? child : visible(child)));
  return element;
}

// The class of a state. What is in quarantine does not count, and is never red.
const kind = (word, isExempt) => "state " + (isExempt && KINDS[word] === "bad" ? "warn" : KINDS[word] || "idle");
const state = (word, quarantine) => [h("span", { class: kind(word, quarantine) }, word), quarantine ? " in quarantine " + quarantine.split(":")[0] : null];
const link = (test, text) => h("a", { href: "#/test/" + test }, text);
const when = (ms) => ms ? new Date(ms).toISOString().slice(0, 16).replace("T", " ") + " UTC" : "";

function digits(value) {
  const size = Math.abs(value);
  return size === 0 ? "0" : size >= 1e12 || size < 1e-3 ? value.toExponential(2) : value.toPrecision(size >= 100 ? Math.ceil(Math.log10(size + 1)) : 3);
}

function quantity(value, unit) {
  if (value === null || value === undefined) return "";
  if (unit === "seconds") {
    if (value >= 1) return digits(value) + " s";
    return value >= 1e-3 ? digits(value * 1e3) + " ms" : digits(value * 1e6) + " µs";
  }
  if (unit === "bytes") {
    const step = Math.max(0, Math.min(4, Math.floor(Math.log2(Math.max(1, Math.abs(value))) / 10)));
    return digits(value / 1024 ** step) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][step];
  }
  return digits(value) + (unit ? " " + unit : "");
}

function table(heading, rows, numbers = []) {
  const cell = (tag, position, content) => h(tag, { class: numbers.includes(position) ? "number" : null, scope: tag === "th" ? "col" : null }, content);
  return h("div", { class: "wide", tabindex: 0, role: "group", "aria-label": heading.join(", ") },
    h("table", {}, h("thead", {}, h("tr", {}, heading.map((text, position) => cell("th", position, text)))),
      h("tbody", {}, rows.map((row) => row instanceof Node ? row : h("tr", {}, row.map((content, position) => cell("td", position, content)))))));
}

// The filters are in the address, so that a filtered page can be shared.
function parameters() {
  const hash = location.hash.slice(1) || "/";
  const [path, query] = hash.split("?", 2);
  return [path, new URLSearchParams(query || "")];
}

const FILTERS = [["q", "Text"], ["status", "State"], ["row", data.group], ["column", "Hardware"], ["worker", "Worker"]];
const value = { status: (t) => t.state, row: (t) => t.row, column: (t) => t.column, worker: (t) => t.worker || "" };

function chosen(query) {
  const words = (query.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
  return data.tests.filter((test) => {
    if (!Object.keys(value).every((key) => !query.get(key) || value[key](test) === query.get(key))) return false;
    const text = (test.name + " " + test.id + " " + (test.message || "")).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function filters(path, query, update) {
  const change = (key) => (event) => {
    if (event.target.value) query.set(key, event.target.value); else query.delete(key);
    const text = query.toString();
    history.replaceState(null, "", "#" + path + (text ? "?" + text : ""));
    update(query);
  };
  const field = ([key, label]) => {
    if (key === "q") return h("label", {}, label, h("input", { type: "search", id: "search", value: query.get("q") || "", input: change("q") }));
    const options = [...new Set(data.tests.map(value[key]))].filter(Boolean).sort();
    if (options.length < 2 && !query.get(key)) return null;
    return h("label", {}, label, h("select", { change: change(key) }, h("option", { value: "" }, "all"),
      options.map((option) => h("option", { value: option, selected: query.get(key) === option ? "" : null }, option))));
  };
  return h("form", { class: "filters", role: "search", submit: (event) => event.preventDefault() }, FILTERS.map(field));
}

// The first page: what changed, then the matrix. Reports of tests without the property of its rows have no matrix.
function firstPage(query) {
  const [known, none] = [data.changes.filter(([, , lines]) => lines.length), data.changes.filter(([, , lines]) => !lines.length)];
  const rest = none.length ? h("p", {}, none.map(([title, intro]) => title + ": " + intro).join(" \u00b7 ")) : null;
  return [data.changes.length ? h("h2", {}, "Changes") : null, sectionList(known, "h3"), rest, data.cells.length ? matrixPage(query) : testsPage(query, "/")];
}

// Without a filter, the matrix of the report. With one, the newest results of the tests that match.
function matrixPage(query) {
  const place = h("div");
  const update = () => {
    const isFiltered = FILTERS.some(([key]) => query.get(key));
    const cells = isFiltered ? cellsOf(newest(chosen(query))) : data.cells;
    const names = (key) => [...new Set(cells.map((cell) => cell[key]))].sort();
    const [rows, columns] = [names("row"), names("column")];
    const places = new Map(cells.map((cell) => [JSON.stringify([cell.row, cell.column]), cell]));
    const line = (row) => h("tr", {}, h("th", { scope: "row" }, row), columns.map((column) => {
      const cell = places.get(JSON.stringify([row, column]));
      if (!cell) return h("td", { class: "matrix" }, "-");
      // The filter knows the back-end, not its product.
      const target = tests.has(cell.test) ? "#/test/" + cell.test : "#/tests?" + new URLSearchParams({ row, column: column.split(" (")[0] });
      const [text, ...figures] = cell.text.split(", ");
      return h("td", { class: "matrix" }, h("a", { href: target, title: cell.reproduce }, h("span", { class: kind(cell.state, cell.exempt) }, text)),
        figures.length ? h("small", {}, figures.join(", ")) : null);
    }));
    place.replaceChildren(isFiltered ? h("p", {}, "the newest matching result of each test") : "", rows.length ? table([data.group, ...columns], rows.map(line)) : h("p", { class: "empty" }, "No test matches."));
  };
  update();
  return [h("h2", {}, "Matrix"), h("p", {}, data.matrixIntro), filters("/", query, update), place];
}

// The newest result of each test on each kind of hardware. Verdicts precede results without one.
function newest(list) {
  const kept = new Map();
  const order = (test) => [["cancelled", "skipped", "expired", "waiting", "blocked", "running"].includes(test.state) ? 0 : 1, ...test.id.match(/\d+/g).map(Number)];
  for (const test of list) {
    const key = JSON.stringify([test.row, test.column, test.name]);
    const other = kept.get(key);
    const difference = other ? order(test).map((part, position) => part - order(other)[position]).find((part) => part !== 0) || 0 : 1;
    if (difference > 0) kept.set(key, test);
  }
  return [...kept.values()];
}

function cellsOf(list) {
  const groups = new Map();
  for (const test of list) {
    const key = JSON.stringify([test.row, test.column]);
    groups.set(key, [...(groups.get(key) || []), test]);
  }
  return [...groups.values()].map((here) => {
    const worst = here.reduce((a, b) => rank(b.state) > rank(a.state) ? b : a);
    const count = here.filter((test) => test.state === worst.state).length;
    const text = count === here.length ? count + " " + worst.state : count + " of " + here.length + " " + worst.state;
    const exempt = here.every((test) => test.quarantine || KINDS[test.state] !== "bad");
    return { row: worst.row, column: worst.column, state: worst.state, exempt, text, test: here.length === 1 ? worst.id : null, reproduce: worst.reproduce };
  });
}

const ORDER = ["passed", "skipped", "cancelled", "waiting", "blocked", "running", "flaky", "expired", "worker lost", "timed out", "error", "reduced precision", "failed"];
const rank = (word) => ORDER.indexOf(word);

function testsPage(query, path = "/tests") {
  const place = h("div");
  const update = () => {
    const kept = chosen(query);
    const row = (test) => [state(test.state, test.quarantine), link(test.id, test.name), test.id, test.column, test.worker || "", quantity(test.p50, test.unit), quantity(test.seconds, "seconds"), test.message || ""];
    place.replaceChildren(h("p", { role: "status" }, kept.length + " of " + data.tests.length + " tests"),
      table(["State", "Test", "Id", "Hardware", "Worker", data.metric, "Time", "Message"], kept.map(row), [5, 6]));
  };
  update();
  return [h("h2", {}, "Tests"), filters(path, query, update), place];
}

function sectionsPage() {
  return sectionList([...data.changes, ...data.sections], "h2");
}

// Sections as tables. The id of a test of the report is a link.
function sectionList(sections, level) {
  const cell = (text) => tests.has(text) ? link(text, text) : text;
  return sections.map(([title, intro, lines, from, more]) => [h(level, {}, title), intro ? h("p", {}, intro) : null,
    lines.length ? table(lines[0], lines.slice(1).map((line) => line.map(cell)), lines[0].map((_, position) => position).filter((position) => position >= from)) : null,
    more ? h("p", {}, "and " + more + " more") : null]);
}

// A line of points over time; those without a value are on the axis.
function series(points, unit) {
  const known = points.filter((point) => point.value !== null && point.value !== undefined);
  if (known.length < 2) return h("p", { class: "empty" }, "Insufficient data for a time series: " + known.length + " measured results.");
  const [width, height, left, bottom] = [640, 200, 70, 24];
  const high = Math.max(...known.map((point) => point.value)) * 1.05 || 1;
  const x = (position) => left + (width - left - 12) * position / Math.max(1, points.length - 1);
  const y = (value) => height - bottom - (height - bottom - 12) * value / high;
  const path = points.map((point, position) => point.value === null || point.value === undefined ? "" : "L" + x(position).toFixed(1) + " " + y(point.value).toFixed(1)).join("").replace("L", "M");
  const dot = (point, position) => h("circle", { class: "point " + (KINDS[point.state] || ""), r: 4, cx: x(position), cy: y(point.value || 0) },
    h("title", {}, point.id + " " + when(point.at) + " " + point.state + " " + quantity(point.value, unit)));
  return h("figure", {}, h("svg", { class: "chart", viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": data.metric + " over time, from 0 to " + quantity(high, unit) },
    h("line", { class: "axis", x1: left, x2: width - 12, y1: y(0), y2: y(0) }), h("line", { class: "axis", x1: left, x2: left, y1: 8, y2: y(0) }),
    h("text", { x: 4, y: 18 }, quantity(high, unit)), h("text", { x: 4, y: y(0) }, "0"),
    h("path", { class: "line", d: path }), points.map(dot),
    h("text", { x: left, y: height - 6 }, when(points[0].at)), h("text", { x: width - 130, y: height - 6 }, when(points[points.length - 1].at))),
  h("figcaption", {}, data.metric + " of this case on this hardware, the oldest result first"));
}

function distribution(samples, unit) {
  if (samples.length < 2) return h("p", { class: "empty" }, "Insufficient data for a distribution: " + samples.length + " values.");
  const [low, high] = [samples[0], samples[samples.length - 1]];
  const count = Math.min(20, Math.max(4, Math.round(Math.sqrt(samples.length) * 2)));
  const bins = new Array(count).fill(0);
  for (const sample of samples) bins[Math.min(count - 1, Math.floor((sample - low) / ((high - low) || 1) * count))] += 1;
  const most = Math.max(...bins);
  const bar = (size, position) => h("rect", { class: "bar", x: 10 + position * (620 / count), width: 620 / count - 2, y: 150 - 135 * size / most, height: 135 * size / most },
    h("title", {}, size + " values"));
  return h("figure", {}, h("svg", { class: "chart", viewBox: "0 0 640 175", role: "img", "aria-label": "Distribution of " + samples.length + " values from " + quantity(low, unit) + " to " + quantity(high, unit) },
    bins.map(bar), h("text", { x: 10, y: 168 }, quantity(low, unit)), h("text", { x: 560, y: 168 }, quantity(high, unit))),
  h("figcaption", {}, "Distribution of the values of the last attempt"));
}

function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, text]) => text !== "" && text !== null && text !== undefined)
    .map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
}

function difference(test) {
  if (test.environment === undefined) return h("p", { class: "empty" }, "The environment is unknown.");
  const own = data.environments[test.environment];
  const earlier = data.tests.filter((other) => other.name === test.name && other.state === "passed" && other.environment !== undefined && other.finished < test.finished);
  if (!earlier.length) return [h("p", {}, "This report has no earlier result of the test that passed. Versions of this result:"), facts(Object.entries(own))];
  const last = earlier.reduce((a, b) => b.finished > a.finished ? b : a);
  const base = data.environments[last.environment];
  const names = [...new Set([...Object.keys(own), ...Object.keys(base)])].sort().filter((name) => own[name] !== base[name]);
  if (!names.length) return [h("p", {}, "The same versions as in " + last.id + ", the newest earlier result in this report that passed:"), facts(Object.entries(own))];
  return [h("p", {}, "Against " + last.id + ", the newest earlier result in this report that passed:"),
    table(["Fact", "Before", "Now"], names.map((name) => [name, base[name] || "absent", own[name] || "absent"]))];
}

function testPage(id) {
  const test = tests.get(id);
  if (!test) return [h("h2", {}, "Unknown test"), h("p", {}, "This report has no test " + id + ".")];
  const past = (test.past || []).map(([pastId, word, at, worker, number]) => ({ id: pastId, state: word, at, worker, value: number }));
  const points = [...past, { id: test.id, state: test.state, at: test.finished, worker: test.worker, value: test.p50 }];
  const attempts = (test.attempts || []).map(([number, word, kind, message, worker, seconds]) => [number, state(word), kind || "", message, worker, quantity(seconds, "seconds")]);
  return [h("h2", {}, test.name), h("p", {}, state(test.state, test.quarantine), " ", test.message || ""),
    facts([["Id", test.id], ["Hardware", test.column], ["Worker", test.worker], ["Devices", (test.devices || []).join(", ")], ["Finished", when(test.finished)],
      ["Time", quantity(test.seconds, "seconds")], ["Class", test.class], ["Weights", test.weights], ["Quarantine", test.quarantine], ["Reproduce", h("code", {}, test.reproduce)]]),
    h("h3", {}, "Attempts"), table(["Attempt", "State", "Class", "Message", "Worker", "Time"], attempts, [0, 5]),
    h("h3", {}, "Metrics"), (test.metrics || []).length ? table(["Metric", "n", "p50", "min", "max", "spread"], test.metrics.map(([name, unit, n, p50, low, high, spread]) =>
      [name, n, quantity(p50, unit), quantity(low, unit), quantity(high, unit), spread === null ? "" : (spread * 100).toFixed(1) + " %"]), [1, 2, 3, 4, 5]) : h("p", { class: "empty" }, "none"),
    h("h3", {}, "History"), past.length ? h("p", { class: "bars" }, points.map((point) => h("span", { class: "state " + (KINDS[point.state] || "idle"), title: when(point.at) + " " + (point.worker || "") }, point.id + " " + point.state))) : h("p", { class: "empty" }, test.cut ? "left out because of the size of the file; dtf report --run " + id.split(".")[0] + " --output html has it" : "no earlier result of this case"),
    series(points, test.unit), h("h3", {}, "Values"), distribution(test.samples || [], test.unit),
    h("h3", {}, "Environment"), difference(test),
    h("h3", {}, "Labels"), facts(Object.entries(test.labels || {})),
    test.output ? [h("h3", {}, "End of the output"), h("pre", { class: "wrap", tabindex: 0 }, test.output)] : null];
}

function show() {
  const [path, query] = parameters();
  const page = path.startsWith("/test/") ? testPage(path.slice(6)) : path === "/tests" ? testsPage(query) : path === "/sections" ? sectionsPage() : firstPage(query);
  view.replaceChildren(...page.flat(4).filter(Boolean));
}

// The address of a page is after the #, so the link to the content must not become one.
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); document.getElementById("main").focus(); });
addEventListener("hashchange", () => { show(); scrollTo(0, 0); document.getElementById("main").focus(); });
addEventListener("keydown", (event) => {
  const search = document.getElementById("search");
  if (event.key === "/" && search && !["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && location.hash.startsWith("#/test/")) history.back();
});
show();

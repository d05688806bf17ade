// Keeps the page current: follows one stream of events while the page is visible, and replaces the
// parts that have changed. When an attempt begins or the page is over, it replaces the whole page.
// Without this script, a reload shows the newest data.
"use strict";

const state = document.getElementById("live-state");
let main = document.querySelector("main");
let stream = null;
let timer = 0;
let busy = false;
let again = false;
// An event whose news the page does not show yet.
let stale = false;
let last = "";

const RETRY_MS = 10000;
// Minimum time between two requests of this page.
const PAUSE_MS = 1000;
// Characters of output that stay on the page.
const MAX_LOG = 400000;
const LIVE = "This page is live.";
const OVER = "This page is complete: nothing on it changes any more.";

function announce(text) {
  if (state && state.textContent !== text) state.textContent = text;
}

function isLive() { return main.dataset.live !== undefined; }

// The attempt whose output a page shows; empty without one, and another word for a page that is over.
function subject(page) {
  const live = page.dataset.live;
  return live === undefined ? "over" : new URL(live, location.href).searchParams.get("attempt") || "";
}

function replaceParts(fresh) {
  const focused = document.activeElement ? document.activeElement.id : "";
  for (const part of main.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector("#" + CSS.escape(part.id));
    if (!other || other.innerHTML === part.innerHTML) continue;
    const scrolled = Array.from(part.querySelectorAll(".wide"), (wide) => wide.scrollLeft);
    part.replaceChildren(...other.childNodes);
    part.querySelectorAll(".wide").forEach((wide, index) => { wide.scrollLeft = scrolled[index] || 0; });
  }
  const after = focused && document.getElementById(focused);
  if (after && after !== document.activeElement) after.focus({ preventScroll: true });
}

function replaceAll(fresh) {
  const address = (field) => `[action="${CSS.escape(field.form.getAttribute("action"))}"] [name="${CSS.escape(field.name)}"]`;
  const fields = Array.from(main.querySelectorAll("form input:not([type=hidden])"));
  const edited = fields.filter((field) => field.value !== field.defaultValue);
  const focused = document.activeElement;
  const target = focused && focused.form && focused.name ? address(focused) : focused && focused.id ? "#" + CSS.escape(focused.id) : "";
  main.replaceWith(fresh);
  main = fresh;
  for (const field of edited) {
    const same = main.querySelector(address(field));
    if (same) same.value = field.value;
  }
  const same = target && document.querySelector(target);
  if (same && same !== document.activeElement) same.focus({ preventScroll: true });
  toEnd(document.getElementById("log"));
  last = "";
  disconnect();
  follow();
}

function show(fresh) {
  if (subject(fresh) === subject(main)) replaceParts(fresh); else replaceAll(document.adoptNode(fresh));
}

function schedule(wait) {
  if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, wait);
}

async function refresh() {
  if (busy || timer) { again = true; return; }
  if (!isLive() || document.hidden) return;
  const begun = performance.now();
  let problem = "";
  busy = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (answer.ok && fresh) show(fresh); else problem = `The coordinator answers with status ${answer.status}.`;
  } catch {
    problem = "The coordinator does not answer.";
  }
  busy = false;
  stale = stale && (again || problem !== "");
  announce(problem ? `${problem} The page shows older data, and tries again.` : isLive() ? LIVE : OVER);
  // A page that takes long is requested less often.
  if (problem) schedule(RETRY_MS); else if (again) schedule(Math.max(PAUSE_MS, performance.now() - begun));
}

function toEnd(log) {
  if (log) log.scrollTop = log.scrollHeight;
}

function append(piece) {
  const log = document.getElementById("log");
  if (!log) return;
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(document.createTextNode(piece.text));
  while (log.childNodes.length > 1 && log.textContent.length > MAX_LOG) log.firstChild.remove();
  if (atEnd) toEnd(log);
}

function connect() {
  const address = new URL(main.dataset.live, location.href);
  if (last) address.searchParams.set("after", last);
  stream = new EventSource(address);
  stream.onopen = () => announce(LIVE);
  stream.addEventListener("changed", (event) => { last = event.lastEventId; stale = true; refresh(); });
  stream.addEventListener("output", (event) => { last = event.lastEventId; append(JSON.parse(event.data)); });
  stream.onerror = () => {
    announce("The page gets no news, and tries again.");
    // The browser tries again, except after an answer that is not a stream.
    if (stream.readyState === EventSource.CLOSED) {
      disconnect();
      setTimeout(follow, RETRY_MS);
    }
  };
}

function disconnect() {
  if (stream) stream.close();
  stream = null;
}

// A browser opens few connections to one host, so hidden pages have none.
function follow() {
  if (!isLive()) return;
  if (document.hidden) { disconnect(); announce("Paused while hidden."); } else if (!stream) { connect(); if (stale) refresh(); }
}

if (isLive()) {
  toEnd(document.getElementById("log"));
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", follow);
}

// A changed filter is applied at once. Without this script, the button applies it.
document.addEventListener("change", (event) => {
  if (event.target.matches(".filters select")) event.target.form.requestSubmit();
});

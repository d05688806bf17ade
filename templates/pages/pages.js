// Keeps the page current: follows one stream of events while the page is visible, and replaces the
// parts that have changed. Without this script, a reload shows the newest data.
"use strict";

const main = document.querySelector("main[data-live]");
const state = document.getElementById("live-state");
const log = document.getElementById("log");
let stream = null;
let busy = false;
let again = false;
let last = "";

const RETRY_MS = 10000;
// Characters of output that stay on the page.
const MAX_LOG = 400000;

function announce(text) {
  if (state && state.textContent !== text) state.textContent = text;
}

function replaceParts(fresh) {
  const focused = document.activeElement ? document.activeElement.id : "";
  for (const part of main.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    const scrolled = Array.from(part.querySelectorAll(".wide"), (wide) => wide.scrollLeft);
    part.replaceChildren(...other.childNodes);
    part.querySelectorAll(".wide").forEach((wide, index) => { wide.scrollLeft = scrolled[index] || 0; });
  }
  const after = focused && document.getElementById(focused);
  if (after && after !== document.activeElement) after.focus({ preventScroll: true });
}

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    announce("The coordinator does not answer. The page tries again.");
  }
  busy = false;
  if (again) { again = false; refresh(); }
}

function append(piece) {
  if (!log) return;
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(document.createTextNode(piece.text));
  while (log.childNodes.length > 1 && log.textContent.length > MAX_LOG) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function connect() {
  const address = new URL(main.dataset.live, location.href);
  if (last) address.searchParams.set("after", last);
  stream = new EventSource(address);
  stream.onopen = () => announce("This page is live.");
  stream.addEventListener("changed", (event) => { last = event.lastEventId; refresh(); });
  stream.addEventListener("output", (event) => { last = event.lastEventId; append(JSON.parse(event.data)); });
  stream.onerror = () => {
    announce("The connection was lost. The page tries again.");
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
  if (document.hidden) { disconnect(); announce("Paused while hidden."); } else if (!stream) connect();
}

if (main) {
  if (log) log.scrollTop = log.scrollHeight;
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", follow);
}

// A changed filter is applied at once. Without this script, the button applies it.
for (const field of document.querySelectorAll(".filters select")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}

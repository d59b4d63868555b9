/* The desk: joins the server's events, the telephone and the keys of the keyboard. */

import { watchStream } from "./network.js";
import { Softphone } from "./softphone.js";
import { Sound } from "./sound.js";
import { Telephones } from "./telephones.js";
import { TwilioPhone } from "./twilio_phone.js";

const desk = document.getElementById("desk");
const by = (id) => document.getElementById(id);
const say = (word) => { by("line").textContent = desk.dataset[`word${word[0].toUpperCase()}${word.slice(1)}`]; };

const KEYS = { F2: "answer", F4: "mute", F8: "hold", F9: "hang-up" };
const SHIFT_KEYS = { F9: "warn" }; // of the order below, while its call goes on
const PAGE = "desk-page";
const LEFT = "desk-left";
const TOLD_EVERY = 300_000; // milliseconds
const TOLD_SOON = 5000;
const HELD = ["reserved", "ringing", "on_call"];
const AGAIN = 3000; // milliseconds
const CLOCK = new Intl.DateTimeFormat("zh-CN", { timeStyle: "medium", timeZone: "Asia/Shanghai" });

/** Names this tab: kept when it is loaded again, never shared with a copy of it. */
async function pageId() {
  const kept = sessionStorage.getItem(PAGE);
  if (kept && await alone(kept)) return kept;
  const fresh = crypto.randomUUID();
  sessionStorage.setItem(PAGE, fresh);
  await alone(fresh);
  return fresh;
}

function alone(id) {
  return new Promise((resolve) => {
    navigator.locks.request(`desk ${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {}); // as long as the tab lives
    });
  });
}

async function begin() {
  const sound = new Sound();
  const csrf = by("presence").elements.csrf_token.value;
  const lines = [];
  if (desk.dataset.telephone) lines.push(new Softphone(by("voice"), desk.dataset.telephone, desk.dataset.socket));
  if (desk.dataset.twilio) lines.push(new TwilioPhone(desk.dataset.twilio, desk.dataset.silence, csrf));
  const phone = lines.length ? new Telephones(lines) : null;
  let line = phone ? "connecting" : "nothing";
  let call = null;
  let echo = false;
  let state = "";
  let over = null;
  let offline = false;
  let soundless = false;
  let since = null;

  /** What was lost and is back stays on the page until the next call. */
  function showNetwork() {
    const away = offline || soundless;
    if (away && !since) { since = new Date(); by("network").textContent = ""; }
    if (away || !since) return;
    const said = desk.dataset.wordBack;
    by("network").textContent = said.replace("{from}", CLOCK.format(since)).replace("{to}", CLOCK.format(new Date()));
    since = null;
  }

  function show() {
    showNetwork();
    const ringing = call !== null && call.incoming && !call.established;
    const talking = call !== null && call.established;
    by("answer").disabled = !ringing;
    by("mute").disabled = !talking;
    by("hold").disabled = !talking || !call.holds;
    by("hang-up").disabled = call === null;
    by("mute").setAttribute("aria-pressed", String(Boolean(call?.muted)));
    by("hold").setAttribute("aria-pressed", String(Boolean(call?.held)));
    for (const key of by("keypad").children) key.disabled = !talking;
    by("echo").disabled = !phone?.tests || call !== null;
    document.title = document.title.replace(/^● /, "");
    if (ringing) document.title = `● ${document.title}`;
    if (ringing) sound.ring(); else sound.quiet();
    if (soundless) say("soundless");
    else if (offline) say("offline");
    else if (line !== "connected") say(line);
    else if (ringing) say("ringing");
    else if (echo) say("echo");
    else if (call?.held) say("held");
    else if (call?.muted) say("muted");
    else if (talking) say("talking");
    else say("connected");
  }

  async function change(does) {
    const form = new FormData(by("presence"));
    form.set("does", does);
    const answer = await fetch(desk.dataset.presence, { method: "POST", body: form, redirect: "error" });
    by("now").innerHTML = await answer.text();
  }

  /** What the server says of the order, below; a part stays until another call is answered. */
  function showOrder() {
    const shown = by("now").querySelector("[data-order]");
    if (!shown?.dataset.parts || by("order").dataset.of === shown.dataset.order) return;
    by("order").dataset.of = shown.dataset.order;
    by("order").replaceChildren();
    for (const part of shown.dataset.parts.split(" ")) {
      const place = document.createElement("div");
      by("order").append(place);
      fill(place, part);
    }
  }

  /** Until it is there: who talks needs it, whatever the network does just then. */
  function fill(place, part) {
    // Each from a place of its own: of those that one element asks for, htmx drops the third.
    const ask = () => place.isConnected && htmx.ajax("GET", part, { source: place, target: place, swap: "innerHTML" });
    const again = ({ target, detail }) => {
      if (target !== place || detail.ctx.response?.status < 500) return;
      place.textContent = desk.dataset.wordOffline;
      setTimeout(ask, AGAIN);
    };
    for (const event of ["htmx:error", "htmx:response:error"]) place.addEventListener(event, again);
    ask();
  }

  if (phone) {
    phone.addEventListener("line", ({ detail }) => {
      line = detail;
      if (phone.reachable && state === "logged_out" && !sessionStorage.getItem(LEFT)) {
        state = "";
        change("log_in");
      }
      show();
    });
    phone.addEventListener("call", ({ detail }) => {
      if (!call) by("network").textContent = "";
      call = detail;
      echo = echo && call !== null;
      show();
    });
    phone.addEventListener("sound", ({ detail }) => { soundless = detail; show(); });
    phone.addEventListener("no-microphone", () => say("microphone"));
    const listen = () => sound.listen(by("level")).catch(() => say("microphone"));
    sound.begin(() => { phone.use(sound); if (by("devices").open) listen(); });
    sound.allowed().then(() => sound.look(), () => say("microphone"));
    by("answer").addEventListener("click", () => phone.answer());
    by("mute").addEventListener("click", () => phone.mute());
    by("hold").addEventListener("click", () => phone.hold());
    by("hang-up").addEventListener("click", () => phone.hangUp());
    by("echo").addEventListener("click", () => { echo = true; phone.call("*43"); });
    by("try-ring").addEventListener("click", () => { sound.ring(); setTimeout(() => show(), 1500); });
    by("keypad").addEventListener("click", ({ target }) => target.dataset.key && phone.key(target.dataset.key));
    by("devices").addEventListener("toggle", () => {
      if (by("devices").open) listen(); else sound.stopListening();
    });
    addEventListener("keydown", (event) => {
      const key = (event.shiftKey ? SHIFT_KEYS : KEYS)[event.key];
      if (!key || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      by(key)?.click();
    });
    addEventListener("beforeunload", (event) => { if (phone.inCall) event.preventDefault(); });
  }
  // What a person does at the desk keeps their session, though the server is asked for nothing by it.
  let told = Date.now();
  for (const act of ["keydown", "pointerdown"]) {
    addEventListener(act, () => {
      if (Date.now() - told < (by("ending").hasChildNodes() ? TOLD_SOON : TOLD_EVERY)) return;
      told = Date.now();
      fetch(desk.dataset.here, { method: "POST", body: new FormData(by("presence")), redirect: "error" }).catch(() => {});
    });
  }
  by("leave").addEventListener("click", () => sessionStorage.setItem(LEFT, "1"));
  by("available").addEventListener("click", () => sessionStorage.removeItem(LEFT));
  new MutationObserver(showOrder).observe(by("now"), { childList: true });
  showOrder();
  show();

  /** The desk is another page's, which may be in a call. */
  function elsewhere(inCall) {
    by("elsewhere").hidden = false;
    by("elsewhere-call").hidden = !inCall;
    by("take").disabled = inCall;
  }

  const page = await pageId();
  let events = null;
  let again = null;
  const watchAgain = () => { again = setTimeout(() => watch(false), AGAIN); };
  function lost() {
    if (!by("elsewhere").hidden || !by("expired").hidden) return;
    offline = true;
    show();
  }
  const heard = watchStream(() => {
    events.close();
    phone?.check();
    watch(false);
    lost();
  });
  function watch(take) {
    clearTimeout(again);
    const before = events;
    const mine = new EventSource(`${desk.dataset.stream}?page=${page}${take ? "&take=1" : ""}`);
    events = mine;
    // One that is open goes only then: between the two the desk would be anybody's.
    if (before?.readyState === EventSource.OPEN) mine.addEventListener("open", () => before.close(), { once: true });
    else before?.close();
    events.addEventListener("beat", heard);
    events.addEventListener("now", ({ data }) => {
      heard();
      by("now").innerHTML = data;
      state = by("now").querySelector(".state").classList[1];
      if (!by("elsewhere").hidden) elsewhere(HELD.includes(state));
      clearTimeout(over);
      // The end of a call that this page wasn't told of, its WebSocket being away just then.
      if (!HELD.includes(state) && call && !echo) over = setTimeout(() => phone.hangUp(), 4000);
      if (state === "logged_out" && phone?.reachable && !sessionStorage.getItem(LEFT)) change("log_in");
    });
    events.addEventListener("yours", () => {
      by("elsewhere").hidden = true;
      phone?.start();
      if (take) watch(false); // or it would be taken again at each reconnection
    });
    events.addEventListener("elsewhere", ({ data }) => {
      // Another tab was quicker to connect again: that cuts nobody off who talks here.
      if (call && !echo) return watch(true);
      elsewhere(data === "call");
      phone?.stop();
      line = "closed";
      show();
    });
    events.addEventListener("expired", ({ data }) => {
      events.close();
      by("ending").textContent = "";
      by("expired").innerHTML = data;
      by("expired").hidden = false;
      watchAgain(); // until they have logged in again, in another window
    });
    events.addEventListener("ending", ({ data }) => { by("ending").innerHTML = data; });
    events.addEventListener("error", () => {
      if (mine !== events) return;
      if (mine.readyState === EventSource.CLOSED) watchAgain();
      lost();
    });
    events.addEventListener("open", () => {
      by("expired").hidden = true;
      heard();
      offline = false;
      show();
    });
  }
  by("take").addEventListener("click", () => watch(true));
  watch(false);
}

if (desk) begin();

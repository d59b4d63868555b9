// The callers' page: leave it at once, send what is written without leaving a call, and call.
import { Call } from "./caller_phone.js";

const main = document.getElementById("main");
const section = document.getElementById("call");
let call = null;

// Quick exit: the harmless page takes this one's place in the history, also around a frame.
document.getElementById("quick-exit").addEventListener("click", (event) => {
  event.preventDefault();
  window.removeEventListener("beforeunload", stay);
  document.body.hidden = true;
  call?.hangUp();
  const to = event.currentTarget.href;
  try {
    window.top.location.replace(to);
  } catch {
    window.location.replace(to);
  }
});

const stay = (event) => {
  if (call?.live) event.preventDefault();
};
window.addEventListener("beforeunload", stay);

window.addEventListener("pagehide", () => call?.hangUp());

const region = () => document.getElementById("region").value;
const said = (name) => section.querySelector(`[data-word="${name}"]`).textContent;

// Messages and requests: only their part of the page changes, so that a call goes on.
main.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.part) return;
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  const typed = new FormData(form);
  typed.set("region", region());
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: typed, headers: { "HX-Request": "true" },
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = page.getElementById(form.dataset.part);
    if (!part) throw new Error("no answer of ours");
    document.getElementById(form.dataset.part).replaceWith(part);
    part.querySelector("[data-focus]")?.focus();
  } catch {
    const problem = form.querySelector(".not-sent");
    problem.textContent = problem.dataset.said;
    problem.hidden = false;
    button.disabled = false;
  }
});

if (section) {
  const begin = document.getElementById("begin");
  const talk = document.getElementById("talk");
  const instead = document.getElementById("instead");
  const state = document.getElementById("state");
  const mute = document.getElementById("mute");
  const level = document.getElementById("level");

  const show = (name, live) => {
    state.textContent = said(name);
    state.dataset.state = name;
    begin.hidden = live;
    talk.hidden = !live;
    instead.hidden = !["refused", "failed", "limited", "cut"].includes(name);
  };
  const over = (name) => {
    show(name, false);
    call = null;
    begin.disabled = false;
    mute.setAttribute("aria-pressed", "false");
  };
  const heard = (name) => {
    const word = said(name);
    if (level.textContent !== word) level.textContent = word;
  };

  begin.hidden = false;
  begin.addEventListener("click", async () => {
    begin.disabled = true;
    call = new Call({
      addresses: section.dataset, region: region(), voice: document.getElementById("voice"),
      show, heard, over,
    });
    await call.begin();
    if (call?.live) talk.querySelector("[data-key]").focus();
  });
  document.getElementById("hang-up").addEventListener("click", () => {
    call?.hangUp();
    begin.focus();
  });
  mute.addEventListener("click", () => {
    if (call) mute.setAttribute("aria-pressed", String(call.mute()));
  });
  talk.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]");
    if (key) call?.press(key.dataset.key);
  });
  document.addEventListener("keydown", (event) => {
    if (!call?.live || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select")) return;
    if (/^[0-9*#]$/.test(event.key)) call.press(event.key);
  });
}

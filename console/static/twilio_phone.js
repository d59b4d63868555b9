/* A telephone by Twilio's Voice SDK: takes calls and makes none, one at a time. Events and methods
   as softphone.js has them, but for what Twilio's browsers can't: hold, and call an echo.

   What lets it in is a token of minutes, which our server signs; it is renewed before it ends, and
   asked for until there is one. The SDK reconnects by itself.

   Why a leg ends Twilio doesn't tell: so our server is told that this page answers, and before it
   hangs up that it does. A tab that is closed says nothing, and its caller is served by others.
   Source: https://twilio.github.io/twilio-voice.js/classes/voice.device.html */

const RENEWED_BEFORE = 120_000; // milliseconds of its life that are left: tries enough
const AGAIN = 5000;
const TOLD_WITHIN = 1000; // milliseconds; who hangs up doesn't wait for longer
const NOT_LET_IN = [20101, 20104, 20151]; // a token that is invalid, over, or not ours
const NO_MICROPHONE = [31401, 31402];
const SOUNDS = ["incoming", "outgoing", "disconnect",
  ...[..."0123456789sh"].map((key) => `dtmf${key}`)];

export class TwilioPhone extends EventTarget {
  #server; #silence; #csrf; #device = null; #call = null; #asked = null; #begun = false;
  #microphone = ""; #speaker = "";

  /** @param server gives tokens, and is told of talks.
      @param silence the address of a sound: the page rings by itself, and nothing is fetched from abroad. */
  constructor(server, silence, csrf) {
    super();
    this.#server = server;
    this.#csrf = csrf;
    this.#silence = new URL(silence, location.href).href;
  }

  get tests() { return false; }

  use({ microphone, speaker }) {
    this.#microphone = microphone;
    this.#speaker = speaker;
    this.#hearBy();
  }

  start() {
    if (this.#begun) return;
    this.#begun = true;
    this.#tell("line", "connecting");
    this.#renew();
  }

  /** Rings nowhere any more. */
  stop() {
    this.#begun = false;
    clearTimeout(this.#asked);
    this.#forget();
  }

  answer() {
    if (this.#call?.status() !== "pending") return;
    const audio = this.#microphone ? { deviceId: { exact: this.#microphone } } : true;
    this.#tellServer("answers");
    this.#call.accept({ rtcConstraints: { audio } });
  }

  async hangUp() {
    const call = this.#call;
    if (call?.status() === "pending") { call.reject(); return; }
    if (call) await this.#tellServer("hangs_up");
    call?.disconnect();
  }

  mute() {
    if (this.#established()) this.#call.mute(!this.#call.isMuted());
  }

  key(key) {
    if (this.#established()) this.#call.sendDigits(key);
  }

  async #renew() {
    clearTimeout(this.#asked);
    let token = null, seconds = 0;
    try {
      const answer = await fetch(this.#server, { redirect: "error" });
      if (answer.ok) ({ token, seconds } = await answer.json());
    } catch { /* said below */ }
    if (!this.#begun) return;
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => this.#renew(), token ? seconds * 1000 - RENEWED_BEFORE : AGAIN);
    if (token && !this.#device) this.#begin(token);
    else if (token) this.#device.updateToken(token);
    // By one that still lives it goes on being rung.
    if (!token && this.#device?.state !== "registered") this.#tell("line", "refused");
    if (!token) return;
    if (this.#device.state === "registered") this.#tell("line", "connected");
    else if (this.#device.state === "unregistered") this.#device.register().catch(() => {});
  }

  async #tellServer(does) {
    const body = new URLSearchParams({ csrf_token: this.#csrf, does });
    const signal = AbortSignal.timeout(TOLD_WITHIN);
    try { await fetch(this.#server, { method: "POST", body, signal, redirect: "error" }); } catch { /* then it was lost */ }
  }

  #begin(token) {
    const device = new Twilio.Device(token, {
      codecPreferences: ["opus", "pcmu"],
      sounds: Object.fromEntries(SOUNDS.map((name) => [name, this.#silence])),
      publishEvents: false,
      logLevel: "silent",
    });
    this.#device = device;
    const ours = (tell) => (...told) => { if (this.#device === device) tell(...told); };
    device.on("registered", ours(() => { this.#hearBy(); this.#tell("line", "connected"); }));
    device.on("unregistered", ours(() => this.#tell("line", "lost")));
    device.on("error", ours((error) => this.#failed(error)));
    device.on("incoming", ours((call) => this.#began(call)));
  }

  #failed({ code }) {
    if (NO_MICROPHONE.includes(code)) this.#tell("no-microphone");
    if (!NOT_LET_IN.includes(code)) return;
    this.#tell("line", "refused");
    // Whoever talks goes on; else it begins anew.
    if (!this.#call) this.#forget();
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => this.#renew(), AGAIN);
  }

  #forget() {
    const device = this.#device;
    this.#device = null; // what it says of its end is not said
    device?.destroy();
  }

  #began(call) {
    if (this.#call) { call.reject(); return; }
    this.#call = call;
    for (const event of ["accept", "mute"]) call.on(event, () => this.#tellCall());
    call.on("error", (error) => this.#failed(error));
    for (const event of ["cancel", "disconnect", "reject"]) {
      call.on(event, () => {
        if (this.#call !== call) return;
        this.#call = null;
        this.#tellCall();
      });
    }
    this.#tellCall();
  }

  #established() { return ["open", "reconnecting"].includes(this.#call?.status()); }

  #hearBy() {
    const audio = this.#device?.audio;
    if (audio?.isOutputSelectionSupported) audio.speakerDevices.set(this.#speaker || "default").catch(() => {});
  }

  #tellCall() {
    this.#tell("call", this.#call && {
      incoming: true,
      established: this.#established(),
      muted: this.#call.isMuted(),
      held: false,
      holds: false,
    });
  }

  #tell(event, detail = null) { this.dispatchEvent(new CustomEvent(event, { detail })); }
}

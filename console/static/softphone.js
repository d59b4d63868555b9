/* A telephone: SIP over a WebSocket of this page's own origin, one call at a time.

   What every telephone of a desk has (the other: twilio_phone.js). Events: `line` (detail:
   connecting, connected, lost, refused), `call` (detail: the call as it is now, null when there is
   none), `sound` (detail: has the network lost it?), `ended`, `no-microphone`. JsSIP reconnects by
   itself, and the sound of a call goes on meanwhile: it doesn't pass through the WebSocket. */

import { watchSound } from "./network.js";

const REGISTERED_FOR = 60; // seconds; renewed before, so a dead network is noticed within them
const LATEST_CANDIDATE = 1000; // milliseconds to wait for a STUN server that doesn't answer
const DECLINED = 603; // by a person; whoever only doesn't answer counts as absent
const CREDENTIALS_AGAIN = 3600_000;
const REFUSED_AGAIN = 5000;
const ANSWERED_WITHIN = 4000;
const ASKED_FOR = 5000;

export class Softphone extends EventTarget {
  #audio; #socket; #telephone; #agent = null; #session = null; #servers = []; #again = null; #line = null; #deaf = null; #wanted = false; #checking = null; #password = null;

  /** @param audio where the other side is heard. */
  constructor(audio, telephone, socket) {
    super();
    this.#audio = audio;
    this.#telephone = telephone;
    this.#socket = socket;
    this.microphone = "";
  }

  /** Can it call an echo? */
  get tests() { return true; }

  use({ microphone, speaker }) {
    this.microphone = microphone;
    // Where a browser cannot choose, the system's own choice stands.
    this.#audio.setSinkId?.(speaker).catch(() => {});
  }

  async start() {
    // Another page's telephone may have taken this one's place.
    if (this.#agent?.isConnected()) this.#agent.register();
    if (this.#agent) return;
    this.#wanted = true;
    this.#tell("line", "connecting");
    const login = await this.#credentials();
    if (this.#agent || !this.#wanted) return;
    if (!login) {
      this.#tell("line", "refused");
      this.#again = setTimeout(() => this.start(), REFUSED_AGAIN);
      return;
    }
    const socket = new JsSIP.WebSocketInterface(`wss://${location.host}${this.#socket}`);
    socket.via_transport = "ws";
    const agent = new JsSIP.UA({
      sockets: [socket],
      uri: `sip:${login.name}@12355.invalid`,
      password: login.password,
      register_expires: REGISTERED_FOR,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 5,
      user_agent: "12355 desk",
    });
    agent.on("registered", () => { this.#answered(); this.#tell("line", "connected"); });
    agent.on("disconnected", () => this.#agent && this.#tell("line", "lost"));
    agent.on("registrationFailed", ({ response }) => {
      if (this.#agent !== agent) return;
      if (response) this.#refused(agent); else { this.#tell("line", "lost"); this.#connectAnew(); }
    });
    agent.on("newRTCSession", ({ session }) => this.#began(session));
    this.#agent = agent;
    this.#line = socket;
    agent.start();
    this.#again = setInterval(() => this.#credentials(), CREDENTIALS_AGAIN);
  }

  /** Asks Asterisk for a sign of life, and connects anew where none comes: a network that swallows
      what is sent doesn't say so. */
  check() {
    if (this.#checking) return;
    const agent = this.#agent;
    this.#checking = setTimeout(() => this.#connectAnew(), ANSWERED_WITHIN);
    if (agent?.isConnected()) agent.register();
  }

  #answered() {
    clearTimeout(this.#checking);
    this.#checking = null;
  }

  #connectAnew() {
    this.#answered(); // or no longer waited for
    if (!this.#agent || !(this.#line.isConnected() || this.#line.isConnecting())) return;
    this.#line.disconnect();
    this.#line.ondisconnect(true, 1006, "nobody answers");
  }

  /** Rings nowhere any more. */
  stop() {
    const agent = this.#agent;
    this.#agent = null;
    this.#wanted = false;
    clearInterval(this.#again); // a timeout, too
    if (agent) agent.stop();
  }

  get inCall() { return this.#session !== null; }

  answer() {
    if (this.#session && this.#session.direction === "incoming" && !this.#session.isInProgress()) return;
    this.#session?.answer(this.#options());
  }

  call(number) {
    if (!this.#session) this.#agent?.call(`sip:${number}@12355.invalid`, this.#options());
  }

  hangUp() {
    const session = this.#session;
    const declined = session?.direction === "incoming" && !session.isEstablished();
    session?.terminate(declined ? { status_code: DECLINED } : {});
  }

  mute() {
    if (!this.#session?.isEstablished()) return;
    if (this.#session.isMuted().audio) this.#session.unmute(); else this.#session.mute();
    this.#tellCall();
  }

  hold() {
    if (!this.#session?.isEstablished()) return;
    if (this.#session.isOnHold().local) this.#session.unhold(); else this.#session.hold();
  }

  key(key) {
    if (this.#session?.isEstablished()) this.#session.sendDTMF(key, { transportType: "RFC2833" });
  }

  #options() {
    const audio = this.microphone ? { deviceId: { exact: this.microphone } } : true;
    return { mediaConstraints: { audio, video: false }, pcConfig: { iceServers: this.#servers } };
  }

  async #credentials() {
    try {
      const answer = await fetch(this.#telephone, { redirect: "error", signal: AbortSignal.timeout(ASKED_FOR) });
      if (!answer.ok) throw new Error(answer.status);
      const login = await answer.json();
      this.#servers = login.ice_servers;
      this.#password = login.password;
      this.#agent?.set("password", login.password);
      return login;
    } catch {
      return null;
    }
  }

  /** Passwords are replaced twice a day, of which nothing is to be seen. */
  async #refused(agent) {
    this.#answered();
    const before = this.#password;
    const login = await this.#credentials();
    if (this.#agent !== agent) return;
    if (login && this.#password !== before) { agent.register(); return; }
    this.#tell("line", "refused");
    setTimeout(() => this.#agent === agent && agent.register(), REFUSED_AGAIN);
  }

  #began(session) {
    if (this.#session) { session.terminate({ status_code: 486 }); return; }
    this.#session = session;
    session.on("peerconnection", ({ peerconnection }) => this.#hear(peerconnection));
    if (session.connection) this.#hear(session.connection);
    let waiting = null;
    session.on("icecandidate", ({ ready }) => {
      clearTimeout(waiting);
      waiting = setTimeout(ready, LATEST_CANDIDATE);
    });
    for (const event of ["accepted", "confirmed", "hold", "unhold"]) session.on(event, () => this.#tellCall());
    session.on("getusermediafailed", () => this.#tell("no-microphone"));
    const over = () => {
      if (this.#session !== session) return;
      this.#session = null;
      this.#deaf?.();
      this.#tell("sound", false);
      this.#tell("ended");
      this.#tellCall();
    };
    session.on("ended", over);
    session.on("failed", over);
    this.#tellCall();
  }

  #hear(connection) {
    connection.addEventListener("track", ({ track }) => {
      this.#audio.srcObject = new MediaStream([track]);
    });
    this.#deaf?.();
    this.#deaf = watchSound(connection, (lost) => this.#tell("sound", lost));
  }

  #tellCall() {
    const session = this.#session;
    this.#tell("call", session && {
      incoming: session.direction === "incoming",
      established: session.isEstablished(),
      muted: session.isEstablished() && session.isMuted().audio,
      held: session.isEstablished() && session.isOnHold().local,
      holds: true,
    });
  }

  #tell(event, detail = null) { this.dispatchEvent(new CustomEvent(event, { detail })); }
}

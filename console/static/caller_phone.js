// One call from this browser to 12355: a visit's word, the microphone, SIP over our own WebSocket.
// Nothing here ends a call but the caller, whoever talks with them, or the line itself.
const PROGRESS_EVERY = 2000;
const LEVEL_EVERY = 100;
const HEARD_FOR = 15; // looks: words come and go
const GATHER_AT_MOST = 1500;
const AUDIBLE = 4; // of 128: a voice beside the microphone is far above it

export class Call {
  // addresses: visits, progress, telephone. show(word, live), heard(word) and over(word) tell the
  // page.
  constructor({ addresses, region, voice, show, heard, over }) {
    Object.assign(this, { addresses, region, voice, show, heard, ended: over });
    this.live = false;
    this.muted = false;
    this.pressed = [];
    this.timers = [];
  }

  async begin() {
    this.show("asking", false);
    try {
      this.microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      return this.over("refused");
    }
    let visit;
    try {
      const asked = new FormData();
      asked.set("region", this.region);
      const answer = await fetch(this.addresses.visits, { method: "POST", body: asked });
      if (answer.status === 429) return this.over("limited");
      if (!answer.ok) return this.over("failed");
      visit = await answer.json();
    } catch {
      return this.over("failed");
    }
    this.live = true;
    this.word = visit.visit;
    this.say("connecting");
    this.connect(visit);
    this.watchMicrophone();
  }

  connect({ visit, dials, ways }) {
    const host = location.hostname;
    const address = `wss://${location.host}${this.addresses.telephone}?visit=${encodeURIComponent(visit)}`;
    this.agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(address)],
      uri: `sip:caller-page@${host}`,
      register: false,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
    });
    this.agent.on("connected", () => {
      if (this.session) return this.say(this.progress ?? "connecting");
      this.dial(`sip:${dials}@${host}`, visit, ways);
    });
    this.agent.on("disconnected", () => {
      if (!this.live) return;
      this.say("lost");
      // Before the call began there is nothing to wait for.
      if (!this.session) this.over("failed");
    });
    this.agent.start();
  }

  dial(target, visit, ways) {
    this.session = this.agent.call(target, {
      mediaStream: this.microphone,
      pcConfig: { iceServers: ways },
      extraHeaders: [`X-Visit: ${visit}`],
      rtcOfferConstraints: { offerToReceiveAudio: true },
    });
    const { connection } = this.session;
    connection.addEventListener("track", ({ streams, track }) => {
      this.voice.srcObject = streams[0] ?? new MediaStream([track]);
      this.voice.play().catch(() => {});
    });
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "disconnected") this.say("lost");
      else this.through();
    });
    let gathering = null;
    this.session.on("icecandidate", ({ ready }) => {
      gathering ??= setTimeout(ready, GATHER_AT_MOST);
    });
    this.session.on("confirmed", () => this.through());
    this.session.on("ended", ({ cause }) => {
      this.over(cause === JsSIP.C.causes.RTP_TIMEOUT ? "cut" : "ended");
    });
    this.session.on("failed", () => this.over("failed"));
  }

  // Both can hear each other: from now on keys arrive.
  through() {
    if (!this.session.isEstablished()) return;
    if (this.session.connection.connectionState !== "connected") return;
    if (!this.progress) {
      this.progress = "calling";
      this.ask();
    }
    this.say(this.progress);
    this.pressed.splice(0).forEach((key) => this.press(key));
  }

  // How far the call is: the store knows, the line doesn't say.
  ask() {
    this.timers.push(setTimeout(async () => {
      try {
        const answer = await fetch(this.addresses.progress, { headers: { "X-Visit": this.word } });
        const { progress } = await answer.json();
        if (!this.live) return;
        if (progress === "ended") return this.hangUp();
        if (progress && progress !== this.progress) {
          this.progress = progress;
          this.say(progress);
        }
      } catch {
        // Whoever talks goes on talking; the next look tells more.
      }
      if (this.live) this.ask();
    }, PROGRESS_EVERY));
  }

  say(word) {
    if (this.live) this.show(word, true);
  }

  press(key) {
    if (!this.progress) this.pressed.push(key);
    else if (this.live) this.session.sendDTMF(key, { transportType: "RFC2833" });
  }

  mute() {
    this.muted = !this.muted;
    for (const track of this.microphone.getTracks()) track.enabled = !this.muted;
    return this.muted;
  }

  hangUp() {
    if (this.session && !this.session.isEnded()) this.session.terminate();
    this.over("ended");
  }

  watchMicrophone() {
    this.audio = new AudioContext();
    const look = this.audio.createAnalyser();
    this.audio.createMediaStreamSource(this.microphone).connect(look);
    const wave = new Uint8Array(look.fftSize);
    let silent = HEARD_FOR;
    this.timers.push(setInterval(() => {
      look.getByteTimeDomainData(wave);
      const loud = wave.some((one) => Math.abs(one - 128) > AUDIBLE);
      silent = loud ? 0 : silent + 1;
      this.heard(this.muted ? "muted" : silent < HEARD_FOR ? "heard" : "silent");
    }, LEVEL_EVERY));
  }

  over(word) {
    if (this.done) return;
    this.done = true;
    this.live = false;
    this.timers.forEach(clearTimeout);
    this.microphone?.getTracks().forEach((track) => track.stop());
    this.audio?.close();
    // What says goodbye to the line goes out before its WebSocket is closed.
    if (this.agent) setTimeout(() => this.agent.stop(), 500);
    this.ended(word);
  }
}

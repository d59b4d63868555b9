/* Microphone, headset and what rings: chosen here and kept in this browser. */

const KEPT = "desk-sound";
const CHOICES = { microphone: "audioinput", speaker: "audiooutput", ringer: "audiooutput" };

export class Sound {
  #kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}"); #context = null; #ringing = null;
  #listening = null; #there = new Set(); #changed = () => {};

  /** The chosen one where it is there, to be asked for as `exact`: browsers don't heed `ideal`. */
  get microphone() { return this.#there.has(this.#kept.microphone) ? this.#kept.microphone : ""; }

  get speaker() { return this.#kept.speaker ?? ""; }

  /** Fills the three lists. A browser names devices only once the microphone is allowed. */
  async look() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.#there = new Set(devices.map((device) => device.deviceId));
    for (const [name, kind] of Object.entries(CHOICES)) {
      const list = document.getElementById(name);
      const these = devices.filter((device) => device.kind === kind);
      list.replaceChildren(...these.map((device) => new Option(device.label || device.deviceId, device.deviceId)));
      if (these.some((device) => device.deviceId === this.#kept[name])) list.value = this.#kept[name];
    }
    this.#changed();
  }

  /** Looks now, and again whenever a device comes or goes. */
  async begin(changed) {
    this.#changed = changed;
    for (const name of Object.keys(CHOICES)) {
      document.getElementById(name).addEventListener("change", ({ target }) => {
        this.#kept[name] = target.value;
        localStorage.setItem(KEPT, JSON.stringify(this.#kept));
        this.#use();
        changed();
      });
    }
    navigator.mediaDevices.addEventListener("devicechange", () => this.look());
    await this.look();
    this.#use();
    // A page may make a sound only after somebody has touched it.
    for (const touch of ["pointerdown", "keydown"]) {
      addEventListener(touch, () => this.#audio().resume(), { once: true });
    }
  }

  /** Asks for the microphone now, so that no question stands before the first call. */
  async allowed() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
  }

  ring() {
    if (this.#ringing) return;
    const context = this.#audio();
    context.resume();
    const tone = new OscillatorNode(context, { frequency: 480 });
    const loudness = new GainNode(context, { gain: 0 });
    tone.connect(loudness).connect(context.destination);
    const beat = () => {
      const now = context.currentTime;
      loudness.gain.setValueAtTime(0.25, now);
      loudness.gain.setValueAtTime(0, now + 0.8);
    };
    beat();
    tone.start();
    this.#ringing = { tone, every: setInterval(beat, 2000) };
  }

  quiet() {
    if (!this.#ringing) return;
    clearInterval(this.#ringing.every);
    this.#ringing.tone.stop();
    this.#ringing = null;
  }

  /** Shows in `meter` how loud the microphone is, until `stopListening`. */
  async listen(meter) {
    const audio = this.microphone ? { deviceId: { exact: this.microphone } } : true;
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    this.stopListening();
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const every = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      meter.value = Math.min(1, 4 * Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length));
    }, 100);
    this.#listening = { stream, context, every };
  }

  stopListening() {
    if (!this.#listening) return;
    clearInterval(this.#listening.every);
    for (const track of this.#listening.stream.getTracks()) track.stop();
    this.#listening.context.close();
    this.#listening = null;
  }

  #audio() { return (this.#context ??= new AudioContext()); }

  #use() {
    // Where a browser cannot choose, the system's own choice stands.
    this.#audio().setSinkId?.(this.#kept.ringer ?? "").catch(() => {});
  }
}

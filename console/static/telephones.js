/* The telephones of a desk, one for each carrier that reaches it, as if they were one: whichever
   rings first has the call until it is over. Events and methods as softphone.js has them. */

export class Telephones extends EventTarget {
  #telephones; #lines = new Map(); #talks = null;

  constructor(telephones) {
    super();
    this.#telephones = telephones;
    for (const one of telephones) {
      this.#lines.set(one, "connecting");
      one.addEventListener("line", ({ detail }) => { this.#lines.set(one, detail); this.#tell("line", this.#line()); });
      one.addEventListener("call", ({ detail }) => this.#call(one, detail));
      one.addEventListener("sound", ({ detail }) => this.#tell("sound", detail));
      one.addEventListener("no-microphone", () => this.#tell("no-microphone"));
    }
  }

  /** Is there one by which it can be rung? */
  get reachable() { return [...this.#lines.values()].includes("connected"); }

  /** Is there one to call an echo by? */
  get tests() { return Boolean(this.#tester()); }

  get inCall() { return this.#talks !== null; }

  use(devices) { for (const one of this.#telephones) one.use(devices); }
  start() { for (const one of this.#telephones) one.start(); }
  stop() { for (const one of this.#telephones) { one.stop(); this.#lines.set(one, "closed"); } }
  check() { for (const one of this.#telephones) one.check?.(); }
  call(number) { this.#tester()?.call(number); }
  answer() { this.#talks?.answer(); }
  hangUp() { this.#talks?.hangUp(); }
  mute() { this.#talks?.mute(); }
  hold() { this.#talks?.hold(); }
  key(key) { this.#talks?.key(key); }

  #tester() { return this.#telephones.find((one) => one.tests && this.#lines.get(one) === "connected"); }

  #call(one, call) {
    if (this.#talks && this.#talks !== one) {
      if (call) one.hangUp();
      return;
    }
    this.#talks = call && one;
    this.#tell("call", call);
    this.#tell("line", this.#line());
  }

  /** In a call its own, else the one that is not as it should be. */
  #line() {
    if (this.#talks) return this.#lines.get(this.#talks);
    return [...this.#lines.values()].find((line) => line !== "connected") ?? "connected";
  }

  #tell(event, detail = null) { this.dispatchEvent(new CustomEvent(event, { detail })); }
}

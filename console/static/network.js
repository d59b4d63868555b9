/* What a desk sees of its network: whether anything still comes from the server, and with a call. */

const LOOK_EVERY = 1000; // milliseconds
const UNHEARD_FOR = 12; // looks; the server says something every five seconds
const TRIED_EVERY = 5; // looks
const SOUNDLESS_FOR = 3; // looks; a way that is silent is asked for a sign of life more often

/** Watches a stream of the server's: `unheard()` when nothing has come of it, and from then on
    again and again. Gives what is to be called for each thing that comes. */
export function watchStream(unheard) {
  let missed = 0;
  setInterval(() => {
    missed += 1;
    if (missed < UNHEARD_FOR) return;
    missed -= TRIED_EVERY;
    unheard();
  }, LOOK_EVERY);
  return () => { missed = 0; };
}

/** Watches the way of a call's sound: `tell(true)` when nothing comes by it, `tell(false)` when
    something does again. Silence isn't nothing: either end answers signs of life meanwhile. Gives
    what ends it. */
export function watchSound(connection, tell) {
  let before = 0;
  let missed = 0;
  const look = async () => {
    let come = 0;
    for (const one of (await connection.getStats()).values()) {
      if (one.type === "candidate-pair") come += one.packetsReceived + one.responsesReceived;
    }
    const lost = missed >= SOUNDLESS_FOR;
    missed = come && come === before ? missed + 1 : 0;
    before = come;
    if (lost !== missed >= SOUNDLESS_FOR) tell(!lost);
  };
  const looking = setInterval(look, LOOK_EVERY);
  return () => clearInterval(looking);
}

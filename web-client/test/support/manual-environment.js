import { FakeServer } from './fake-server.js'

/**
 * Responsible for time in the tests: a clock that moves when told, timers that fire when it does, and a random number
 * that is chosen. Also holds the fake gateway all sockets of the test reach.
 */
export class ManualEnvironment {
  constructor({ random = 0.5 } = {}) {
    this.time = 1_000_000
    this.timers = new Map()
    this.lastTimer = 0
    this.lastUUID = 0
    this.randomNumber = random
    this.window = new EventTarget()
    this.document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    this.server = new FakeServer()
    this.WebSocket = this.server.socketClass
    this.now = () => this.time
    this.random = () => this.randomNumber
    this.uuid = () => `key-${++this.lastUUID}`
    this.setTimeout = (action, milliseconds) => {
      this.timers.set(++this.lastTimer, { action, at: this.time + milliseconds })
      return this.lastTimer
    }
    this.clearTimeout = (timer) => { this.timers.delete(timer) }
  }

  /** Moves the clock, firing what falls due on the way, in order. @param {number} milliseconds */
  async advance(milliseconds) {
    const end = this.time + milliseconds
    for (;;) {
      await settled()
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0]
      if (!due) break
      const [timer, { action, at }] = due
      this.timers.delete(timer)
      this.time = Math.max(this.time, at)
      action()
    }
    this.time = end
    await settled()
  }

  /** The clock jumps and no timer had a chance: a laptop that slept. @param {number} milliseconds */
  sleep(milliseconds) { this.time += milliseconds }
}

/** Every promise that can go on has gone on; sockets that open by themselves take a few turns of the loop. */
export async function settled() {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

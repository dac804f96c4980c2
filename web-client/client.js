import { Backoff } from './backoff.js'
import { CloseCode, ErrorCode, LocalCode, explainClose, shouldReconnect } from './codes.js'
import { Connection } from './connection.js'
import { ClientClosed, NoAnswer, ConnectionLost, ReplyError } from './errors.js'
import { SubscriptionSet } from './subscription-set.js'
import { TokenRefused } from './token-source.js'
import { Wakeups } from './wakeups.js'

// setTimeout takes 32 bits; a longer wait would fire at once.
const longestTimer = 2 ** 31 - 1

/**
 * Responsible for staying connected: it opens one connection after another, keeps the token fresh, and decides from the
 * close code whether and when to try again.
 *
 * Dispatches `state` whenever `state` changes, and `connected` with each connect result in `result`.
 */
export class FanfareClient extends EventTarget {
  /**
   * @param {object} options
   * @param {string} options.url
   * @param {import('./token-source.js').TokenSource} options.tokens
   * @param {import('./environment.js').Environment} options.environment
   * @param {(channel: string) => import('./subscription.js').SubscriptionHandlers} [options.handlersFor]
   * @param {number} [options.stableAfter]  milliseconds connected after which the backoff starts over
   */
  constructor({ url, tokens, environment, handlersFor = () => ({}), stableAfter = 10_000 }) {
    super()
    this.url = url
    this.tokens = tokens
    this.environment = environment
    this.stableAfter = stableAfter
    this.backoff = new Backoff({ random: environment.random })
    this.subscriptions = new SubscriptionSet({ environment, handlersFor })
    this.wakeups = new Wakeups({
      environment, onNetworkChange: () => this.#networkChanged(), onAttention: () => this.#noticed(),
    })
    /** @type {'idle' | 'connecting' | 'connected' | 'waiting' | 'closed'} */
    this.state = 'idle'
    /** When `waiting`: the time of the next try. @type {number | undefined} */
    this.retryAt = undefined
    /** When `closed`: why. @type {{ code: number, reason: string, explanation: string } | undefined} */
    this.end = undefined
    this.connection = undefined
    this.waiters = new Set()
    this.timers = { retry: undefined, refresh: undefined, stable: undefined }
  }

  connect() {
    if (this.state !== 'idle' && this.state !== 'closed') return
    this.end = undefined
    this.wakeups.start()
    this.#open()
  }

  /** Closes for good: subscriptions end, and what waits is refused. */
  close() { this.#close({ code: LocalCode.closedByCaller, reason: 'closed by the caller' }) }

  /** Tries now instead of at `retryAt`. */
  reconnectNow() { if (this.state === 'waiting') this.#open() }

  subscribe(channel, handlers) { return this.subscriptions.add(channel, handlers) }

  unsubscribe(channel) { this.subscriptions.remove(channel) }

  /** Once connected; rejects when the client is closed, or after `timeout` milliseconds. @param {number} [timeout] */
  ready(timeout) {
    if (this.state === 'connected') return Promise.resolve()
    if (this.state === 'closed') return Promise.reject(new ClientClosed(this.end))
    return new Promise((resolve, reject) => {
      const waiter = { timer: undefined, settle: (error) => {
        this.waiters.delete(waiter)
        this.environment.clearTimeout(waiter.timer)
        error ? reject(error) : resolve()
      } }
      if (timeout) waiter.timer = this.environment.setTimeout(() => waiter.settle(new NoAnswer('connect')), timeout)
      this.waiters.add(waiter)
    })
  }

  /**
   * Calls a method of the gateway. A lost connection or a silence says nothing about whether it was carried out.
   *
   * @param {string} method
   * @param {object} [data]
   * @param {{ timeout?: number }} [options]  milliseconds, waiting for the connection included
   */
  async rpc(method, data, { timeout = 5000 } = {}) {
    const deadline = this.environment.now() + timeout
    await this.ready(timeout)
    const remaining = Math.max(1, deadline - this.environment.now())
    return new Promise((resolve, reject) => {
      if (!this.connection) return reject(new ConnectionLost())
      this.connection.request('rpc', { method, data }, (error, result) => {
        error ? reject(error) : resolve(result.data)
      }, remaining)
    })
  }

  async #open() {
    this.#clearTimers()
    this.#enter('connecting')
    // A turn is one try; close() and a later try make the answer to an older token request worthless.
    const turn = (this.turn = Symbol('try'))
    let token
    try {
      token = await this.tokens.current()
    } catch (error) {
      if (this.turn !== turn) return
      if (error instanceof TokenRefused) return this.#close({ code: ErrorCode.tokenExpired, reason: error.message })
      return this.#retryLater()
    }
    if (this.turn !== turn) return
    const connection = (this.connection = new Connection({
      url: this.url, environment: this.environment,
      onPush: (push) => this.#pushed(push), onEnd: (end) => this.#lost(end),
    }))
    connection.request('connect', { token, name: 'fanfare-js' }, (error, result) => {
      if (error) this.#refused(error, connection)
      else this.#connected(result, connection)
    }, 10_000)
    this.subscriptions.attach(connection)
  }

  #connected(result, connection) {
    connection.keepAlive(result)
    this.#refreshAt(result)
    this.timers.stable = this.environment.setTimeout(() => this.backoff.reset(), this.stableAfter)
    this.#enter('connected')
    this.dispatchEvent(Object.assign(new Event('connected'), { result }))
    this.subscriptions.acceptAll(result.subs ?? {})
    for (const waiter of [...this.waiters]) waiter.settle()
  }

  #refused(error, connection) {
    if (error instanceof ConnectionLost) return
    if (error.code === ErrorCode.tokenExpired) this.#renewOrClose(connection)
    else if (error instanceof NoAnswer || error.temporary) {
      this.retryFloor = (error.retryAfter ?? 0) * 1000
      connection.end(LocalCode.noAnswer, error.message)
    } else this.#close({ code: error.code, reason: error.message })
  }

  #renewOrClose(connection) {
    if (!this.tokens.canRenew) return this.#close({ code: ErrorCode.tokenExpired, reason: 'the token expired' })
    this.tokens.forget()
    connection.end(LocalCode.connectRefused, 'the token expired')
  }

  #lost({ code, reason }) {
    this.connection = undefined
    this.subscriptions.detach()
    if (this.state === 'closed') return
    if (!shouldReconnect(code)) return this.#close({ code, reason })
    if (code === CloseCode.connectionExpired) {
      if (!this.tokens.canRenew) return this.#close({ code, reason })
      this.tokens.forget()
    }
    if (code === CloseCode.stateInvalidated) {
      this.subscriptions.forgetPositions()
      this.tokens.forget()
    }
    this.#retryLater()
  }

  #retryLater() {
    this.#clearTimers()
    const delay = Math.max(this.backoff.next(), this.retryFloor ?? 0)
    this.retryFloor = undefined
    this.retryAt = this.environment.now() + delay
    this.timers.retry = this.environment.setTimeout(() => this.#open(), delay)
    this.#enter('waiting')
  }

  #close({ code, reason }) {
    this.turn = undefined
    this.#clearTimers()
    this.wakeups.stop()
    this.end = { code, reason, explanation: explainClose(code, reason) }
    const { connection } = this
    this.state = 'closed'
    connection?.end(LocalCode.closedByCaller, reason)
    this.subscriptions.finish({ code, reason })
    for (const waiter of [...this.waiters]) waiter.settle(new ClientClosed({ code, reason }))
    this.dispatchEvent(new Event('state'))
  }

  #pushed(push) {
    // Over WebSocket the code travels in the close frame; a gateway behind another transport may still push it.
    if (push.disconnect) this.connection?.end(push.disconnect.code, push.disconnect.reason)
    else this.subscriptions.receive(push)
  }

  // A little before the end: the grace of a gateway is for slow networks, not for planning with it.
  #refreshAt({ expires, ttl }) {
    if (!expires || !ttl || !this.tokens.canRenew) return
    const lead = Math.min(10, ttl * 0.1)
    const delay = Math.min((ttl - lead) * 1000, longestTimer)
    this.timers.refresh = this.environment.setTimeout(() => this.#refresh(), delay)
  }

  async #refresh() {
    const { connection } = this
    let token
    try {
      token = await this.tokens.renew()
    } catch (error) {
      if (connection !== this.connection) return
      if (error instanceof TokenRefused) return this.#close({ code: ErrorCode.tokenExpired, reason: error.message })
      return this.#refreshSoon()
    }
    if (!connection || connection !== this.connection) return
    connection.request('refresh', { token }, (error, result) => {
      if (!error) return this.#refreshAt(result)
      if (error instanceof ConnectionLost) return
      if (error.code === ErrorCode.tokenExpired) return this.#renewOrClose(connection)
      if (error instanceof ReplyError && !error.temporary) return this.#close({ code: error.code, reason: error.message })
      this.#refreshSoon()
    })
  }

  // In 5 to 10 s: often enough to meet the grace period, seldom enough for a token service in trouble.
  #refreshSoon() {
    this.timers.refresh = this.environment.setTimeout(() => this.#refresh(), 5000 + this.environment.random() * 5000)
  }

  #networkChanged() {
    // The address may be another one now: the old socket would sit silent until the monitor tires of it.
    this.connection?.end(LocalCode.networkChanged, 'the network changed')
    this.reconnectNow()
  }

  #noticed() {
    if (this.connection?.isStale()) this.connection.end(LocalCode.silent, 'no ping')
    this.reconnectNow()
  }

  #enter(state) {
    if (state !== 'waiting') this.retryAt = undefined
    this.state = state
    this.dispatchEvent(new Event('state'))
  }

  #clearTimers() {
    for (const name of Object.keys(this.timers)) this.environment.clearTimeout(this.timers[name])
  }
}

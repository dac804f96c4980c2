import { Backoff } from './backoff.js'
import { CloseCode, ErrorCode, LocalCode, shouldResubscribe } from './codes.js'
import { ConnectionLost, NoAnswer } from './errors.js'
import { Subscription } from './subscription.js'

// Milliseconds. Longer than for an rpc: a subscribe written before the socket is open waits for the handshake too.
const answerTimeout = 10_000
// Milliseconds without trouble after which the backoff starts over.
const stableAfter = 10_000

/**
 * Responsible for all channels of a client over many connections: asking for each on every new connection, routing
 * pushes, and asking again, after a pause, for what was refused or taken away for a reason that passes.
 *
 * A channel the gateway subscribed on its own (a submit with `watch`) is treated the same: after a reconnect it is asked
 * for like any other, so that it does not depend on the gateway remembering a connection that is gone.
 */
export class SubscriptionSet {
  /**
   * @param {object} options
   * @param {import('./environment.js').Environment} options.environment
   * @param {(channel: string) => import('./subscription.js').SubscriptionHandlers} options.handlersFor
   *   for channels the gateway subscribes on its own
   */
  constructor({ environment, handlersFor }) {
    this.environment = environment
    this.handlersFor = handlersFor
    /** @type {Map<string, Subscription>} */
    this.channels = new Map()
    this.backoff = new Backoff({ random: environment.random })
    this.retryTimer = undefined
    this.retryAt = Infinity
    this.retriedAt = -Infinity
    /** @type {import('./connection.js').Connection | undefined} */
    this.connection = undefined
  }

  /** @param {string} channel @param {import('./subscription.js').SubscriptionHandlers} handlers */
  add(channel, handlers) {
    if (this.channels.has(channel)) throw new Error(`already subscribed to ${channel}`)
    const subscription = new Subscription(channel, handlers)
    this.channels.set(channel, subscription)
    this.#ask(subscription)
    return subscription
  }

  /** @param {string} channel */
  remove(channel) {
    const subscription = this.channels.get(channel)
    if (!subscription) return
    this.channels.delete(channel)
    const wasAsked = subscription.state === 'subscribed' || subscription.state === 'requested'
    subscription.state = 'ended'
    // An unanswered unsubscribe leaves the two sides in doubt about the channel; only a new connection settles it.
    if (wasAsked) {
      const connection = this.connection
      connection?.request('unsubscribe', { channel }, (error) => {
        if (error instanceof NoAnswer) connection.end(LocalCode.noAnswer, 'no answer to unsubscribe')
      })
    }
  }

  /** A new socket: everything is asked for, behind the `connect` already written to it. */
  attach(connection) {
    this.connection = connection
    for (const subscription of this.channels.values()) this.#ask(subscription)
  }

  /** The socket is gone. */
  detach() {
    this.connection = undefined
    this.environment.clearTimeout(this.retryTimer)
    this.retryAt = Infinity
    for (const subscription of this.channels.values()) subscription.interrupt()
  }

  forgetPositions() {
    for (const subscription of this.channels.values()) subscription.forgetPosition()
  }

  /** The client is closed for good. */
  finish(end) {
    const ended = [...this.channels.values()]
    this.channels.clear()
    for (const subscription of ended) subscription.finish(end)
  }

  /** Subscriptions that came with the connect result. @param {Record<string, object>} results */
  acceptAll(results) {
    for (const [channel, result] of Object.entries(results)) this.#accept(channel, result)
  }

  /** @param {any} push */
  receive(push) {
    if (push.pub) this.channels.get(push.channel)?.receive(push.pub)
    else if (push.subscribe) this.#accept(push.channel, push.subscribe)
    else if (push.unsubscribe) this.#unsubscribed(push.channel, push.unsubscribe)
  }

  #accept(channel, result) {
    let subscription = this.channels.get(channel)
    if (!subscription) {
      subscription = new Subscription(channel, this.handlersFor(channel))
      this.channels.set(channel, subscription)
    }
    subscription.accept(result)
  }

  #unsubscribed(channel, { code, reason = '' }) {
    const subscription = this.channels.get(channel)
    if (!subscription) return
    if (!shouldResubscribe(code)) return this.#finish(subscription, { code, reason })
    if (code === CloseCode.subscriptionStateInvalidated) subscription.forgetPosition()
    // Not at once: what the gateway cannot keep up with for one channel it cannot for the others and for other clients.
    subscription.interrupt()
    this.#askAgainLater()
  }

  #ask(subscription) {
    const connection = this.connection
    if (!connection) return
    connection.request('subscribe', subscription.request(), (error, result) => {
      if (subscription.state === 'ended' || connection !== this.connection) return
      if (!error) return subscription.accept(result)
      this.#refused(subscription, error, connection)
    }, answerTimeout)
  }

  #refused(subscription, error, connection) {
    if (error instanceof ConnectionLost) return
    // Whether the gateway now publishes to us is unknown, and asking again would be answered 105.
    if (error instanceof NoAnswer) return connection.end(LocalCode.noAnswer, 'no answer to subscribe')
    if (error.code === ErrorCode.alreadySubscribed) return
    if (error.code === ErrorCode.unrecoverablePosition) {
      subscription.forgetPosition()
      return this.#ask(subscription)
    }
    if (!error.temporary) return this.#finish(subscription, { code: error.code, reason: error.message })
    subscription.interrupt()
    this.#askAgainLater(error.retryAfter)
  }

  // One wait for all: what is refused for a passing reason is mostly refused for every channel at once, and is one trouble.
  #askAgainLater(seconds = 0) {
    const now = this.environment.now()
    if (this.retryAt === Infinity) {
      if (now - this.retriedAt >= stableAfter) this.backoff.reset()
      this.retryAt = now + this.backoff.next()
    }
    this.retryAt = Math.max(this.retryAt, now + seconds * 1000)
    this.environment.clearTimeout(this.retryTimer)
    this.retryTimer = this.environment.setTimeout(() => this.#askAgain(), this.retryAt - now)
  }

  #askAgain() {
    this.retryAt = Infinity
    this.retriedAt = this.environment.now()
    for (const subscription of this.channels.values()) {
      if (subscription.state === 'waiting') this.#ask(subscription)
    }
  }

  #finish(subscription, end) {
    this.channels.delete(subscription.channel)
    subscription.finish(end)
  }
}

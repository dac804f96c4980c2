/**
 * Responsible for one channel: how far it has been read, what to ask for when it is asked for again, and which
 * publications are news.
 *
 * @typedef {object} SubscriptionHandlers
 * @property {(result: { data?: any, epoch?: string, offset?: number, recovered?: boolean, was_recovering?: boolean }) => void} [onSubscribed]
 *   `data` is the state at `offset`
 * @property {(publication: { data: any, offset?: number }, epoch: string | undefined) => void} [onPublication]
 * @property {() => void} [onInterrupted]  nothing is heard until it is subscribed again
 * @property {(end: { code: number, reason: string }) => void} [onUnsubscribed]  for good
 */
export class Subscription {
  /** @param {string} channel @param {SubscriptionHandlers} handlers */
  constructor(channel, handlers) {
    this.channel = channel
    this.handlers = handlers
    /** @type {'waiting' | 'requested' | 'subscribed' | 'ended'} */
    this.state = 'waiting'
    this.isRecoverable = false
    this.epoch = undefined
    this.offset = 0
  }

  /** The parameters of a `subscribe` command. */
  request() {
    this.state = 'requested'
    if (!this.isRecoverable) return { channel: this.channel }
    return { channel: this.channel, recover: true, epoch: this.epoch, offset: this.offset }
  }

  /** Takes in a subscribe result, or the body of a `subscribe` push. */
  accept(result) {
    this.state = 'subscribed'
    this.isRecoverable = result.recoverable === true
    const missed = result.publications ?? []
    const top = result.offset ?? 0
    // Another stream, or the same one set back behind what we had: its own numbers count from here.
    if (result.epoch !== this.epoch || (result.was_recovering && !result.recovered)) {
      this.epoch = result.epoch
      this.offset = missed.length > 0 ? Math.min(top, (missed[0].offset ?? top) - 1) : top
    }
    this.handlers.onSubscribed?.(result)
    // After a recovery `offset` is the one we came with: the position moves through what was missed.
    for (const publication of missed) this.receive(publication)
    this.offset = Math.max(this.offset, top)
  }

  /** @param {{ data: any, offset?: number }} publication */
  receive(publication) {
    if (this.state !== 'subscribed') return
    if (publication.offset !== undefined) {
      if (publication.offset <= this.offset) return
      this.offset = publication.offset
    }
    this.handlers.onPublication?.(publication, this.epoch)
  }

  /** The connection is gone, or the channel taken away for a while; the position stays. */
  interrupt() {
    if (this.state === 'ended') return
    this.state = 'waiting'
    this.handlers.onInterrupted?.()
  }

  /** The stream this position belonged to is no more: ask from the start. */
  forgetPosition() {
    this.isRecoverable = false
    this.epoch = undefined
    this.offset = 0
  }

  /** @param {{ code: number, reason: string }} end */
  finish(end) {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.handlers.onUnsubscribed?.(end)
  }
}

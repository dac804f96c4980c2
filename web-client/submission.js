import { Backoff } from './backoff.js'
import { ErrorCode } from './codes.js'
import { ConnectionLost, NoAnswer, ReplyError } from './errors.js'

/**
 * Responsible for a job being submitted exactly once, however often the connection breaks on the way.
 *
 * A lost answer does not mean a lost job. So the first try names a key, every further try names the same one, and the
 * gateway answers a repeated key with the job it already has.
 */
export class Submission {
  /**
   * @param {object} options
   * @param {Record<string, any>} options.request  data of `job.submit`
   * @param {import('./client.js').FanfareClient} options.client
   * @param {import('./environment.js').Environment} options.environment
   * @param {number} [options.tries]  answers in doubt before it gives up; each may cost a request of the budget
   */
  constructor({ request, client, environment, tries = 6 }) {
    this.request = { idempotency_key: environment.uuid(), ...request }
    this.client = client
    this.environment = environment
    this.tries = tries
    this.backoff = new Backoff({ random: environment.random, base: 1000 })
  }

  /** @returns {Promise<{ job: Record<string, any>, replayed?: boolean, limits?: object }>} */
  async send() {
    for (let remaining = this.tries - 1; ; remaining -= 1) {
      // However long the gateway is away: nothing was asked yet, so there is nothing to give up.
      await this.client.ready()
      try {
        return await this.client.rpc('job.submit', this.request)
      } catch (error) {
        if (remaining === 0 || !this.#isInDoubt(error)) throw error
        this.isRepeated = true
        if (!(error instanceof ConnectionLost)) await this.#pause()
      }
    }
  }

  #isInDoubt(error) {
    if (error instanceof ConnectionLost || error instanceof NoAnswer) return true
    if (!(error instanceof ReplyError)) return false
    // Over the budget is for the caller to show: trying again by itself would spend what comes free.
    if (error.code === ErrorCode.tooManyRequests) return false
    // Our own first try may still be under way on the other side.
    if (error.code === ErrorCode.conflict) return this.isRepeated === true
    return error.temporary
  }

  #pause() {
    return new Promise((resolve) => this.environment.setTimeout(resolve, this.backoff.next()))
  }
}

import { FanfareClient } from './client.js'
import { ClientClosed, ReplyError } from './errors.js'
import { browserEnvironment } from './environment.js'
import { GatewayHTTP } from './gateway-http.js'
import { Group } from './group.js'
import { Job } from './job.js'
import { JobList } from './job-list.js'
import { RecordStore } from './record-store.js'
import { RecordWatch } from './record-watch.js'
import { RequestBudget } from './request-budget.js'
import { Submission } from './submission.js'
import { TokenSource } from './token-source.js'

export { ClientClosed, ConnectionLost, NoAnswer, Problem, ReplyError } from './errors.js'
export { TokenRefused } from './token-source.js'
export { developmentToken } from './gateway-http.js'
export { isTerminal } from './job.js'

/**
 * Connects to a gateway.
 *
 * @param {object} options
 * @param {string} [options.url]  of the socket; by default that of the gateway this module came from
 * @param {string} [options.token]
 * @param {() => Promise<string> | string} [options.getToken]  asked at first (without `token`) and whenever one expires;
 *   throw `TokenRefused` to give up
 * @param {import('./environment.js').Environment} [options.environment]  for tests
 */
export function connect({ url = socketURL(import.meta.url), token, getToken, environment = browserEnvironment() }) {
  const fanfare = new Fanfare({ url: new URL(url), tokens: new TokenSource({ token, getToken }), environment })
  fanfare.connection.connect()
  return fanfare
}

/** The socket of the gateway that serves this address. @param {string | URL} address */
export function socketURL(address) {
  const url = new URL('/connection/websocket', address)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

/**
 * Responsible for the gateway as an application sees it: submit a job, watch it, cancel it, list one's own; watch jobs that
 * belong together as a group.
 *
 * `connection` dispatches `state` (its `state` is idle, connecting, connected, waiting or closed), `budget` and the watches
 * dispatch `change`.
 */
export class Fanfare {
  /** @param {{ url: URL, tokens: TokenSource, environment: import('./environment.js').Environment }} options */
  constructor({ url, tokens, environment }) {
    this.environment = environment
    this.store = new RecordStore(Job)
    this.groups = new RecordStore(Group)
    this.budget = new RequestBudget({ now: environment.now })
    this.http = new GatewayHTTP({ base: webURL(url), tokens, budget: this.budget, environment })
    this.connection = new FanfareClient({
      url: url.href, tokens, environment, handlersFor: (channel) => this.#handlersFor(channel),
    })
    this.connection.addEventListener('connected', ({ result }) => this.#connected(result.data ?? {}))
    /** The name the gateway knows the user by, once connected. @type {string | undefined} */
    this.user = undefined
    /** By channel. @type {Map<string, Set<RecordWatch>>} */
    this.watches = new Map()
    /** Channels of which all that happens comes here. @type {Set<string>} */
    this.heard = new Set()
    /** @type {JobList | undefined} */
    this.list = undefined
  }

  /**
   * Submits a job and watches it. Safe to leave alone over reconnects and restarts of the gateway: it is submitted once.
   *
   * @param {{ kind: string, payload?: any, queue?: string, priority?: number, max_attempts?: number, timeout?: number,
   *   idempotency_key?: string }} request  as in `job.submit`; the key is made when none is given
   * @returns {Promise<RecordWatch>}
   */
  async submit(request) {
    const submission = new Submission({
      request: { ...request, watch: true }, client: this.connection, environment: this.environment,
    })
    const { job } = await this.#counted(submission.send())
    this.store.replace(job)
    return this.watch(job.id)
  }

  /** Watches a job until its end or `close()`. @param {string} id @returns {RecordWatch} */
  watch(id) { return this.#watch('job', id) }

  /** Watches a group until it is finished or `close()`. @param {string} id @returns {RecordWatch} */
  watchGroup(id) { return this.#watch('group', id) }

  /**
   * Makes a group; with `jobs` these are submitted and the group is closed, else jobs join it with `submit({ group })`.
   * With an `id` of one's own the call may be repeated.
   *
   * @param {{ id?: string, name?: string, callback?: object, jobs?: object[] }} [request]
   * @returns {Promise<{ group: Record<string, any>, jobs?: object[], refused?: number }>}
   */
  async createGroup(request = {}) {
    const answer = await this.rpc('group.create', request)
    this.groups.replace(answer.group)
    for (const { job } of answer.jobs ?? []) if (job) this.store.replace(job)
    return answer
  }

  /** Lets no more jobs into a group. @param {string} id @returns {Promise<Record<string, any>>} the group document */
  async closeGroup(id) { return this.groups.replace((await this.rpc('group.close', { id })).group).document }

  /** The user's jobs, kept up to date. @returns {JobList} */
  jobs() {
    this.list ??= new JobList({ store: this.store })
    this.#joinUserChannel()
    return this.list
  }

  /** @param {string} id @param {string} [reason] @returns {Promise<Record<string, any>>} the job document */
  cancel(id, reason) { return this.#jobFrom('job.cancel', { id, reason }) }

  /** The job document, with its payload. @param {string} id @returns {Promise<Record<string, any>>} */
  get(id) { return this.#jobFrom('job.get', { id }) }

  /** @param {string} method @param {object} [data] @returns {Promise<any>} */
  rpc(method, data) { return this.#counted(this.connection.rpc(method, data)) }

  /** @see GatewayHTTP.upload */
  upload(file, options) { return this.http.upload(file, options) }

  /** @see GatewayHTTP.ticket */
  ticket(artifactURL) { return this.http.ticket(artifactURL) }

  close() {
    this.list?.close()
    this.connection.close()
  }

  #watch(noun, id) {
    const channel = `${noun}:${id}`
    const store = this.#storeOf(channel)
    const watches = this.watches.get(channel) ?? new Set()
    const watch = new RecordWatch({
      noun, id, store, environment: this.environment, isHeard: this.heard.has(channel),
      onRelease: () => this.#release(channel, watch),
    })
    this.watches.set(channel, watches.add(watch))
    if (this.connection.state === 'closed') {
      queueMicrotask(() => watch.fail(new ClientClosed(this.connection.end)))
    } else if (!this.connection.subscriptions.channels.has(channel) && !store.get(id)?.isTerminal) {
      this.connection.subscribe(channel, this.#handlersFor(channel))
    }
    return watch
  }

  async #jobFrom(method, data) {
    const { job } = await this.rpc(method, data)
    return this.store.replace(job).document
  }

  // Every rpc counts, refused or not; only some answers say what is left.
  async #counted(call) {
    try {
      const answer = await call
      answer?.limits ? this.budget.update(answer.limits) : this.budget.spend()
      return answer ?? {}
    } catch (error) {
      if (error instanceof ReplyError && error.isRateLimit) this.budget.exhaust(error.retryAfter)
      else if (error instanceof ReplyError) this.budget.spend()
      throw error
    }
  }

  #connected({ user, limits }) {
    this.user = user ?? this.user
    this.budget.update(limits)
    this.#joinUserChannel()
  }

  #joinUserChannel() {
    const channel = `user:${this.user}`
    if (!this.list || this.user === undefined || this.connection.subscriptions.channels.has(channel)) return
    this.connection.subscribe(channel, this.list.handlers)
  }

  /** @returns {import('./subscription.js').SubscriptionHandlers} */
  #handlersFor(channel) {
    const store = this.#storeOf(channel)
    if (!store) return {}
    return {
      onSubscribed: ({ data, offset, epoch, was_recovering, recovered }) => {
        if (data && was_recovering && !recovered) store.reset(data.id)
        if (data) store.replace({ offset, epoch, ...data })
        this.#hear(channel, true)
      },
      onPublication: ({ data, offset }, epoch) => {
        // Of the stream, not of its job or group: the gateway itself cannot hear what happens, or can again.
        if (data.event === 'delivery') this.#hear(channel, data.delivering)
        else store.merge(data, { offset, epoch })
      },
      onInterrupted: () => this.#hear(channel, false),
      onUnsubscribed: (end) => this.#ended(channel, end),
    }
  }

  #hear(channel, isHeard) {
    isHeard ? this.heard.add(channel) : this.heard.delete(channel)
    for (const watch of [...(this.watches.get(channel) ?? [])]) watch.hear(isHeard)
  }

  #storeOf(channel) {
    if (channel.startsWith('job:')) return this.store
    return channel.startsWith('group:') ? this.groups : undefined
  }

  // A refusal is an error of the watch; so is a client closed for good, after which nothing will come.
  #ended(channel, { code, reason }) {
    this.heard.delete(channel)
    const error = this.connection.state === 'closed' ? new ClientClosed({ code, reason }) : new ReplyError({ code, message: reason })
    for (const watch of [...(this.watches.get(channel) ?? [])]) watch.fail(error)
  }

  #release(channel, watch) {
    const watches = this.watches.get(channel)
    watches?.delete(watch)
    if (!watches || watches.size > 0) return
    this.watches.delete(channel)
    this.heard.delete(channel)
    this.connection.unsubscribe(channel)
    // The list shows what its jobs came to.
    if (watch.noun === 'group' || !this.list) this.#storeOf(channel).forget(watch.id)
  }
}

/** The gateway's web address, with the path prefix a proxy may have put before it. @param {URL} socket */
function webURL(socket) {
  const url = new URL('../', socket)
  url.protocol = socket.protocol === 'wss:' || socket.protocol === 'https:' ? 'https:' : 'http:'
  return url
}

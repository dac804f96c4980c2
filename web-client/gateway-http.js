import { Problem } from './errors.js'
import { Upload } from './upload.js'

/** Responsible for what goes over plain HTTP: files in, files out, and development tokens. */
export class GatewayHTTP {
  /**
   * @param {object} options
   * @param {URL} options.base  where the gateway's paths begin
   * @param {import('./token-source.js').TokenSource} options.tokens
   * @param {import('./request-budget.js').RequestBudget} options.budget
   * @param {import('./environment.js').Environment} options.environment
   */
  constructor({ base, tokens, budget, environment }) {
    this.base = base
    this.tokens = tokens
    this.budget = budget
    this.environment = environment
  }

  /**
   * Sends a file. @param {File | Blob} file
   * @param {{ name?: string, onProgress?: (fraction: number) => void, signal?: AbortSignal }} [options]
   * @returns {Promise<{ upload: string, name: string, bytes: number, content_type: string }>}
   */
  async upload(file, { name = file.name ?? 'upload', onProgress, signal } = {}) {
    const url = new URL('v1/uploads', this.base)
    url.searchParams.set('name', name)
    const send = (token) => new Upload({
      url, file, onProgress, signal, environment: this.environment, budget: this.budget,
    }).send(token)
    try {
      return await send(await this.tokens.current())
    } catch (error) {
      if (error.status !== 401 || !this.tokens.canRenew) throw error
      return send(await this.tokens.renew())
    }
  }

  /**
   * A URL that a media element or a download link can use, which can send no header.
   *
   * @param {string} artifactURL  as it stands in a job's result
   * @returns {Promise<{ url: string, expires_in: number }>}
   */
  async ticket(artifactURL) {
    const url = new URL(artifactURL, this.base)
    // A result is whatever its worker wrote; a `javascript:` address in a link would run as this page.
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('The result has an address that cannot be opened.')
    // The token goes to the gateway only, whatever a worker wrote into its result.
    if (url.origin !== this.base.origin) return { url: url.href, expires_in: Infinity }
    url.pathname += '/ticket'
    const { url: ticketURL, expires_in } = await this.#post(url)
    return { url: new URL(ticketURL, this.base).href, expires_in }
  }

  async #post(url) {
    let answer = await this.#send(url, await this.tokens.current())
    // The socket outlives its first token; a request may be the first to meet an old one.
    if (answer.status === 401 && this.tokens.canRenew) answer = await this.#send(url, await this.tokens.renew())
    return read(answer, this.budget)
  }

  #send(url, token) {
    return this.environment.fetch(url, { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
  }
}

/**
 * A token for a user of one's choice; only a gateway in development mode gives them.
 *
 * @param {{ user: string, base: URL, fetch: typeof fetch }} options
 * @returns {Promise<{ token: string, expires_in: number }>}
 */
export async function developmentToken({ user, base, fetch }) {
  const answer = await fetch(new URL('v1/development/token', base), {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user }),
  })
  return read(answer)
}

async function read(answer, budget) {
  budget?.readHeaders((name) => answer.headers.get(name))
  const text = await answer.text()
  if (!answer.ok) throw Problem.parse(answer.status, text, answer.headers.get('Retry-After'))
  return JSON.parse(text)
}

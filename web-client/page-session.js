import { TokenRefused, connect, developmentToken } from './fanfare.js'

const key = 'fanfare.session'

/**
 * Responsible for who is signed in, over reloads of the page.
 *
 * The token lies in sessionStorage: gone with the tab, and never in a URL.
 */
export class PageSession {
  /** @param {{ user?: string, token: string }} entry  user: only with development tokens, which can be renewed by name */
  constructor({ user, token }) {
    this.user = user
    this.token = token
  }

  /** @returns {PageSession | undefined} */
  static restore() {
    try { return new PageSession(JSON.parse(sessionStorage.getItem(key))) } catch { return undefined }
  }

  /** @param {string} user */
  static async signIn(user) {
    const { token } = await developmentToken({ user, base: new URL('/', location.href), fetch: fetch.bind(globalThis) })
    return new PageSession({ user, token }).save()
  }

  /** @param {string} token */
  static withToken(token) { return new PageSession({ token }).save() }

  save() {
    sessionStorage.setItem(key, JSON.stringify({ user: this.user, token: this.token }))
    return this
  }

  forget() { sessionStorage.removeItem(key) }

  connect() {
    return connect({ token: this.token, getToken: this.user === undefined ? undefined : () => this.#renew() })
  }

  async #renew() {
    try {
      const { token } = await PageSession.signIn(this.user)
      this.token = token
      return token
    } catch (error) {
      // The gateway no longer gives development tokens; a gateway that is merely away is asked again.
      if (error.status === 403 || error.status === 404) throw new TokenRefused('The session expired.')
      throw error
    }
  }
}

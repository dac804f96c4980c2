/** Responsible for having a token at hand, and a new one when the old has expired. */
export class TokenSource {
  /** @param {{ token?: string, getToken?: () => Promise<string> | string }} options */
  constructor({ token, getToken }) {
    if (!token && !getToken) throw new TypeError('connect() needs a token or a getToken callback')
    this.token = token
    this.getToken = getToken
    this.fetching = undefined
  }

  get canRenew() { return this.getToken !== undefined }

  /** The token at hand, or the first one. @returns {Promise<string>} */
  async current() { return this.token ?? this.renew() }

  /** A new one; callers at the same time share one call. @returns {Promise<string>} */
  renew() {
    if (!this.getToken) return Promise.reject(new TokenRefused('The token expired, and there is no way to get a new one.'))
    this.fetching ??= this.#fetch().finally(() => { this.fetching = undefined })
    return this.fetching
  }

  /** The token at hand has turned out to be too old. */
  forget() { if (this.canRenew) this.token = undefined }

  async #fetch() {
    const token = await this.getToken()
    if (!token) throw new TokenRefused('No token was given.')
    this.token = token
    return token
  }
}

/** Thrown by a `getToken` callback (or for it) when asking again is of no use: the client closes for good. */
export class TokenRefused extends Error {
  /** @param {string} [message] */
  constructor(message = 'No token was given.') {
    super(message)
    this.name = 'TokenRefused'
  }
}

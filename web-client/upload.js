import { ConnectionLost, Problem } from './errors.js'

/**
 * Responsible for one file on its way to the gateway.
 *
 * XMLHttpRequest, because `fetch` does not tell how far an upload has come.
 */
export class Upload {
  /**
   * @param {object} options
   * @param {URL} options.url
   * @param {Blob} options.file
   * @param {(fraction: number) => void} [options.onProgress]
   * @param {AbortSignal} [options.signal]
   * @param {import('./request-budget.js').RequestBudget} options.budget
   * @param {import('./environment.js').Environment} options.environment
   */
  constructor({ url, file, onProgress = () => {}, signal, budget, environment }) {
    this.url = url
    this.file = file
    this.onProgress = onProgress
    this.signal = signal
    this.budget = budget
    this.request = new environment.XMLHttpRequest()
  }

  /** @param {string} token @returns {Promise<{ upload: string, name: string, bytes: number, content_type: string }>} */
  send(token) {
    const { request, signal } = this
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortion())
      const abort = () => request.abort()
      signal?.addEventListener('abort', abort)
      request.onloadend = () => signal?.removeEventListener('abort', abort)
      request.onabort = () => reject(abortion())
      request.onerror = () => reject(new ConnectionLost('The upload was cut off.'))
      request.upload.onprogress = ({ lengthComputable, loaded, total }) => {
        if (lengthComputable && total > 0) this.onProgress(loaded / total)
      }
      request.onload = () => {
        try { resolve(this.#answer()) } catch (error) { reject(error) }
      }
      request.open('POST', this.url.href)
      request.setRequestHeader('Authorization', `Bearer ${token}`)
      request.setRequestHeader('Content-Type', this.file.type || 'application/octet-stream')
      request.send(this.file)
    })
  }

  #answer() {
    const { request } = this
    this.budget.readHeaders((name) => request.getResponseHeader(name))
    if (request.status < 200 || request.status > 299) {
      const retryAfter = request.getResponseHeader('Retry-After')
      if (request.status === 429) this.budget.exhaust(Number(retryAfter) || undefined)
      throw Problem.parse(request.status, request.responseText, retryAfter)
    }
    return JSON.parse(request.responseText)
  }
}

function abortion() { return Object.assign(new Error('The upload was stopped.'), { name: 'AbortError' }) }

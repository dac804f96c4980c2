import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

const limit = 60_000

/** Responsible for one tab: going somewhere, acting as a user does, waiting for what the page shows, and its complaints. */
export class Tab {
  constructor({ devTools, sessionId, browserContextId, downloads }) {
    Object.assign(this, { devTools, sessionId, browserContextId, downloads })
    /** Exceptions and errors of the console, CSP violations among them. @type {string[]} */
    this.complaints = []
    this.waiters = new Set()
    devTools.listen((event) => {
      if (event.sessionId === sessionId || event.sessionId === undefined) this.#heard(event)
    })
  }

  static async open(parts) {
    const tab = new Tab(parts)
    for (const domain of ['Page', 'Runtime', 'Log', 'DOM']) await tab.send(`${domain}.enable`)
    return tab
  }

  send(method, params) { return this.devTools.send(method, params, this.sessionId) }

  async goTo(url) {
    const loaded = this.event('Page.loadEventFired')
    const { errorText } = await this.send('Page.navigate', { url })
    if (errorText) throw new Error(`${url}: ${errorText}`)
    await loaded
  }

  async reload() {
    const loaded = this.event('Page.loadEventFired')
    await this.send('Page.reload')
    await loaded
  }

  /** Answers `url` with a page of the test's own: same origin, no file, no header of the gateway. */
  async serve(url, html) {
    await this.send('Fetch.enable', { patterns: [{ urlPattern: url }] })
    this.served = Buffer.from(html).toString('base64')
  }

  /** What a function gives in the page; arguments go there as JSON. */
  async run(work, ...args) {
    const expression = `(${work})(${args.map((argument) => JSON.stringify(argument)).join(', ')})`
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression, awaitPromise: true, returnByValue: true, userGesture: true,
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /** Waits, looking once a frame, until `look` gives something true in the page; gives it. */
  async until(look, ...args) {
    const values = args.map((argument) => JSON.stringify(argument)).join(', ')
    const watch = `new Promise((resolve, reject) => {
      const end = performance.now() + ${limit}
      const frame = () => {
        const found = (${look})(${values})
        if (found) resolve(found)
        else if (performance.now() > end) reject(new Error('it never came to that; the page says: ' + document.body.innerText))
        else requestAnimationFrame(frame)
      }
      frame()
    })`
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: watch, awaitPromise: true, returnByValue: true,
    })
    if (exceptionDetails) throw new Error(`${look}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
    return result.value
  }

  /** A click of the mouse in the middle of the element. */
  async click(selector) {
    const { x, y } = await this.#middleOf(selector)
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    }
  }

  async type(selector, text) {
    await this.click(selector)
    await this.send('Input.insertText', { text })
  }

  /** As the file dialogue does. */
  async choose(selector, file) {
    const { root } = await this.send('DOM.getDocument')
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector })
    await this.send('DOM.setFileInputFiles', { nodeId, files: [file] })
  }

  /** A file dragged over the element, and let go there unless `drops` is false. */
  async drag(selector, file, { drops = true } = {}) {
    const place = await this.#middleOf(selector)
    const data = { items: [], files: [file], dragOperationsMask: 1 }
    for (const type of ['dragEnter', 'dragOver', ...(drops ? ['drop'] : [])]) {
      await this.send('Input.dispatchDragEvent', { type, ...place, data })
    }
  }

  /** The path of the file that a click downloads. */
  async download(selector) {
    const begun = this.event('Browser.downloadWillBegin')
    const done = this.event('Browser.downloadProgress', ({ state }) => state !== 'inProgress')
    await this.click(selector)
    const { suggestedFilename } = await begun
    const { state } = await done
    if (state !== 'completed') throw new Error(`the download of ${suggestedFilename} was ${state}`)
    return path.join(this.downloads, suggestedFilename)
  }

  /** A picture of the whole page, once it has come to rest, where FANFARE_SCREENSHOTS names a folder. */
  async picture(name) {
    const folder = process.env.FANFARE_SCREENSHOTS
    if (!folder) return
    await this.run(() => {
      const roots = [document, ...[...document.querySelectorAll('job-progress')].map(({ shadowRoot }) => shadowRoot)]
      const passing = roots.flatMap((root) => root.getAnimations())
        .filter((animation) => animation.effect.getComputedTiming().endTime < Infinity)
      // A bar that moves on meanwhile gives its animation up for another.
      return Promise.allSettled(passing.map(({ finished }) => finished)).then(() => undefined)
    })
    await mkdir(folder, { recursive: true })
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true })
    await writeFile(path.join(folder, `${name}.png`), Buffer.from(data, 'base64'))
  }

  /** The next event of this name. @returns {Promise<any>} */
  event(method, isWanted = () => true) {
    return new Promise((resolve, reject) => {
      const waiter = { method, isWanted, settle: (params) => { clearTimeout(timer); this.waiters.delete(waiter); resolve(params) } }
      const timer = setTimeout(() => { this.waiters.delete(waiter); reject(new Error(`no ${method} in ${limit} ms`)) }, limit)
      this.waiters.add(waiter)
    })
  }

  async close() { await this.devTools.send('Target.disposeBrowserContext', { browserContextId: this.browserContextId }) }

  async #middleOf(selector) {
    const place = await this.until((wanted) => {
      const element = document.querySelector(wanted)
      if (!element) return undefined
      element.scrollIntoView({ block: 'nearest' })
      const { x, y, width, height } = element.getBoundingClientRect()
      return width > 0 && !element.disabled ? { x: x + width / 2, y: y + height / 2 } : undefined
    }, selector)
    return place
  }

  #heard({ method, params }) {
    for (const waiter of [...this.waiters]) {
      if (waiter.method === method && waiter.isWanted(params)) waiter.settle(params)
    }
    if (method === 'Runtime.exceptionThrown') {
      const { exception, text } = params.exceptionDetails
      this.complaints.push(exception?.description ?? text)
    } else if (method === 'Log.entryAdded' && params.entry.level === 'error') {
      this.complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`)
    } else if (method === 'Runtime.consoleAPICalled' && ['error', 'assert'].includes(params.type)) {
      this.complaints.push(params.args.map(({ value, description }) => value ?? description).join(' '))
    } else if (method === 'Fetch.requestPaused') {
      this.send('Fetch.fulfillRequest', {
        requestId: params.requestId, responseCode: 200, body: this.served,
        responseHeaders: [{ name: 'content-type', value: 'text/html; charset=utf-8' }],
      })
    }
  }
}

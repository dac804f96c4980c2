import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const startLimit = 30_000
const endLimit = 30_000

/**
 * Responsible for one `fanfare serve` on the embedded broker, in a folder of its own: started, ended, killed, and started
 * again on the same port. It hands out development tokens; its ffmpeg takes as long as the test wants.
 */
export class FanfareProcess {
  /** @param {Parameters<typeof FanfareProcess.start>[0] & { folder: string }} options */
  constructor({ folder, ...options }) {
    Object.assign(this, { folder, options, port: 0 })
  }

  /**
   * @param {object} [options]
   * @param {number} [options.speed]    the seconds of video that ffmpeg reads in a second; as fast as it can without
   * @param {number} [options.workers]  how many jobs run at a time
   * @param {number} [options.window]   seconds in which a user has ten requests
   */
  static async start(options = {}) {
    const gateway = new FanfareProcess({ folder: await mkdtemp(path.join(tmpdir(), 'fanfare-browser-')), ...options })
    await gateway.#prepare()
    await gateway.run()
    return gateway
  }

  get origin() { return `http://127.0.0.1:${this.port}` }

  /** Starts the process; answers when it listens. */
  async run() {
    const log = openSync(path.join(this.folder, 'log'), 'a')
    this.process = spawn(process.env.FANFARE ?? missing(), [
      'serve', '--config', path.join(this.folder, 'config.toml'), '--folder', path.join(this.folder, 'state'),
      '--port', String(this.port),
    ], { cwd: this.folder, env: { PATH: process.env.PATH, HOME: this.folder }, stdio: ['ignore', 'pipe', log] })
    closeSync(log)
    this.port = await this.#listeningPort()
  }

  /** As an operator would. */
  async end() {
    try {
      await this.#stop('SIGTERM')
    } finally {
      await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  /** `kill -9`: no farewell to anybody. */
  async kill() { await this.#stop('SIGKILL') }

  /** A call of the API as a service makes it. @returns {Promise<any>} */
  async call(method, target, { token, body, headers = {} } = {}) {
    const answer = await fetch(new URL(target, this.origin), {
      method, body, headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
    })
    if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  async token(user) {
    const { token } = await this.call('POST', '/v1/development/token', {
      body: JSON.stringify({ user }), headers: { 'content-type': 'application/json' },
    })
    return token
  }

  async #prepare() {
    const { speed, workers = 2, window = 60 } = this.options
    const ffmpeg = path.join(this.folder, 'ffmpeg')
    // Reads its input at a set pace, as from a camera: a real conversion, that is halfway when the test says so.
    const pace = speed === undefined ? '' : `-readrate ${speed} `
    await writeFile(ffmpeg, `#!/bin/sh\nexec ffmpeg ${pace}"$@"\n`, { mode: 0o755 })
    await writeFile(path.join(this.folder, 'config.toml'), `
      [admission]
      window = "${window}s"

      [workers]
      embedded = ${workers}

      [workers.ffmpeg]
      program = "${ffmpeg}"
    `)
  }

  async #listeningPort() {
    let output = ''
    return new Promise((resolve, reject) => {
      const fail = async (what) => reject(new Error(`${what}\n${output}\n${await readFile(path.join(this.folder, 'log'), 'utf8')}`))
      const timer = setTimeout(() => fail('the gateway does not listen'), startLimit)
      this.process.once('error', reject)
      this.process.once('exit', () => { clearTimeout(timer); fail('the gateway ended before it listened') })
      this.process.stdout.on('data', (chunk) => {
        output += chunk
        const found = / serves http:\/\/\S*:(\d+)\//.exec(output)
        if (!found) return
        clearTimeout(timer)
        resolve(Number(found[1]))
      })
    })
  }

  async #stop(signal) {
    const gateway = this.process
    if (!gateway) return
    this.process = undefined
    const isRunning = gateway.exitCode === null && gateway.signalCode === null
    if (isRunning) {
      const timer = setTimeout(() => gateway.kill('SIGKILL'), endLimit)
      const exit = once(gateway, 'exit')
      gateway.kill(signal)
      await exit
      clearTimeout(timer)
    }
    // A grandchild that outlives it would hold the pipe, and this process with it.
    gateway.stdout.destroy()
    if (isRunning && (signal === 'SIGKILL' || gateway.exitCode === 0)) return
    const log = await readFile(path.join(this.folder, 'log'), 'utf8')
    throw new Error(`the gateway ended with ${gateway.exitCode ?? gateway.signalCode}\n${log}`)
  }
}

function missing() { throw new Error('FANFARE names the executable to test; it is not set.') }
